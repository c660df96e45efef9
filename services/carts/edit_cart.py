"""Carts are filled, changed and merged.

No other service is called inside a transaction, and the answer with its quote is stored in the transaction of the
change. So a change is drafted from what was read, priced, and written only if the cart is still what was read; if not,
it is drafted again. Should that fail several times, the last draft is made inside the transaction, where nothing can
come between, and answered without a quote.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bookstore.carts.v1 import cart_pb2
from bookstore.carts.v1.carts_errors import (
    BookNotFound,
    CartNotFound,
    CartNotMergeable,
    CouponNotFound,
    CouponUnavailable,
    CurrencyMismatch,
)
from bookstore.promotions.v1.quote_pb2 import CouponOutcome, Quote
from sqlalchemy import Connection

from chassis.database import Database
from chassis.idempotency import IdempotencyStore
from chassis.kernel import Caller, Clock, Ids, check_etag
from chassis.v1.platform_errors import DependencyUnavailable
from services.carts import store
from services.carts.cart import Cart, MergeLoss, Seen, cart_name
from services.carts.cart_access import is_expired, open_cart, own_cart_id
from services.carts.convert import cart_message, seen_in
from services.carts.remotes import Catalog, Prices

_ATTEMPTS: Final = 4
_GUEST_ID_BITS: Final = 256


class _CartChanged(Exception):
    """A cart is no longer what was read of it; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Draft:
    """What a change makes of a cart, not yet written; `buried` is a guest's cart that ends with it."""

    before: Cart
    after: Cart
    buried: Cart | None = None
    losses: tuple[MergeLoss, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether there is anything to write."""
        return self.buried is not None or not self.after.holds_the_same_as(self.before)


Draft = Callable[[Connection], _Draft]
Check = Callable[[_Draft, Quote | None], dict[str, Seen]]
"""Refuses what the quote shows to be wrong; answers what else was seen of books."""


class EditCart:
    """The changes a cart goes through; each answers the cart, priced."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        ids: Ids,
        answers: IdempotencyStore,
        prices: Prices,
        catalog: Catalog,
        guest_lifetime: timedelta,
    ) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._answers = answers
        self._prices = prices
        self._catalog = catalog
        self._guest_lifetime = guest_lifetime

    def create(self, caller: Caller) -> cart_pb2.Cart:
        """A new cart for a guest; for a user the own one."""
        own = own_cart_id(caller)
        if own is not None:
            return self._perform(lambda connection: self._unchanged(open_cart(connection, own, caller, self._now)))
        blank = Cart(id=self._ids.secret(_GUEST_ID_BITS), guest=True)
        quote = self._quote(blank, strict=False)
        created = self._stamped(blank)
        return self._answers.transact(
            lambda tx: self._written(tx, _Draft(before=blank, after=created), quote),
        )

    def add(self, cart_id: str, book: str, quantity: int, caller: Caller, *, etag: str) -> cart_pb2.Cart:
        """Adds copies. Raises CartNotFound, EtagMismatch, BookNotFound, QuantityLimit, CartFull, CurrencyMismatch."""

        def check(_: _Draft, quote: Quote | None) -> dict[str, Seen]:
            if quote is None:
                return {book: self._catalog.book(book)}
            if book in quote.missing_books:
                raise BookNotFound(book=book)
            return {}

        draft = self._edit(cart_id, caller, etag, lambda cart: cart.add(book, quantity))
        return self._perform(draft, check, strict=True)

    def put(self, cart_id: str, book: str, quantity: int, caller: Caller, *, etag: str) -> cart_pb2.Cart:
        """Sets the copies of a book. Raises CartNotFound, EtagMismatch, ItemNotFound."""
        return self._perform(self._edit(cart_id, caller, etag, lambda cart: cart.put(book, quantity)))

    def remove(self, cart_id: str, book: str, caller: Caller, *, etag: str) -> cart_pb2.Cart:
        """Takes a book out. Raises CartNotFound, EtagMismatch."""
        return self._perform(self._edit(cart_id, caller, etag, lambda cart: cart.remove(book)))

    def clear(self, cart_id: str, caller: Caller, *, etag: str) -> cart_pb2.Cart:
        """Takes everything out. Raises CartNotFound, EtagMismatch."""
        return self._perform(self._edit(cart_id, caller, etag, Cart.clear))

    def enter_coupon(self, cart_id: str, coupon: str, caller: Caller, *, etag: str) -> cart_pb2.Cart:
        """Enters a coupon (in capitals) that is good now; one that is in the cart stays whatever became of it.

        Raises CartNotFound, EtagMismatch, CouponLimit, CouponNotFound, CouponUnavailable, and DependencyUnavailable
        when nobody can say whether it is good.
        """

        def check(draft: _Draft, quote: Quote | None) -> dict[str, Seen]:
            if draft.changes:
                self._require_good(coupon, quote or self._prices.quote({}, [coupon]))
            return {}

        return self._perform(self._edit(cart_id, caller, etag, lambda cart: cart.enter(coupon)), check)

    def withdraw_coupon(self, cart_id: str, coupon: str, caller: Caller, *, etag: str) -> cart_pb2.Cart:
        """Takes a coupon (in capitals) out. Raises CartNotFound, EtagMismatch."""
        return self._perform(self._edit(cart_id, caller, etag, lambda cart: cart.withdraw(coupon)))

    def merge(self, cart_id: str, source_id: str, caller: Caller, *, etag: str) -> cart_pb2.Cart:
        """Moves a guest's cart into the caller's own, both in one transaction; a second time changes nothing.

        Raises CartNotFound, CartNotMergeable, EtagMismatch, CurrencyMismatch.
        """
        if cart_id != own_cart_id(caller):
            raise CartNotFound(cart=cart_name(cart_id))
        if source_id == cart_id:
            raise CartNotMergeable

        def draft(connection: Connection) -> _Draft:
            own = open_cart(connection, cart_id, caller, self._now)
            source = store.find_cart(connection, source_id)
            if source is None or not source.guest or source.merged_into not in (None, cart_id):
                raise CartNotFound(cart=cart_name(source_id))
            if source.merged_into is not None:
                return self._unchanged(own)
            if is_expired(source, self._now):
                raise CartNotFound(cart=cart_name(source_id))
            check_etag(etag, own.version)
            merged, losses = own.take_in(source)
            return _Draft(before=own, after=merged, buried=source, losses=losses)

        return self._perform(draft, strict=True)

    def _edit(self, cart_id: str, caller: Caller, etag: str, change: Callable[[Cart], Cart]) -> Draft:
        def draft(connection: Connection) -> _Draft:
            before = open_cart(connection, cart_id, caller, self._now)
            check_etag(etag, before.version)
            return _Draft(before=before, after=change(before))

        return draft

    def _perform(self, draft_from: Draft, check: Check = lambda _, __: {}, *, strict: bool = False) -> cart_pb2.Cart:
        """Drafts, prices, checks and writes. `strict` refuses books of more than one currency."""
        seen: dict[str, Seen] = {}
        priced = True
        for _ in range(_ATTEMPTS):
            draft = self._database.read(draft_from)
            quote = self._quote(draft.after, strict=strict) if priced else None
            priced = quote is not None
            seen = (seen_in(quote) if quote else {}) | check(draft, quote)
            ready = self._ready(draft, seen, strict=strict)
            try:
                return self._commit(ready, quote)
            except _CartChanged:
                continue
        return self._answers.transact(
            lambda tx: self._written(tx, self._ready(draft_from(tx), seen, strict=strict), None)
        )

    def _commit(self, draft: _Draft, quote: Quote | None) -> cart_pb2.Cart:
        return self._answers.transact(lambda tx: self._written(tx, draft, quote))

    def _ready(self, draft: _Draft, seen: dict[str, Seen], *, strict: bool) -> _Draft:
        if not draft.changes:
            return draft
        after = draft.after.see(seen)
        if strict:
            after.require_one_currency()
        return replace(draft, after=self._stamped(after))

    def _stamped(self, cart: Cart) -> Cart:
        now = self._now
        return replace(
            cart,
            version=cart.version + 1,
            create_time=cart.create_time or now,
            update_time=now,
            expire_time=now + self._guest_lifetime if cart.guest else None,
        )

    def _written(self, tx: Connection, draft: _Draft, quote: Quote | None) -> cart_pb2.Cart:
        """Raises _CartChanged, which undoes the transaction."""
        if draft.after.version != draft.before.version and not store.write_cart(tx, draft.before, draft.after):
            raise _CartChanged
        if draft.buried is not None:
            dead = self._stamped(replace(draft.buried.clear(), merged_into=draft.after.id))
            if not store.write_cart(tx, draft.buried, dead):
                raise _CartChanged
        return cart_message(draft.after, quote, draft.losses)

    def _quote(self, cart: Cart, *, strict: bool) -> Quote | None:
        try:
            return self._prices.quote(cart.quantities, cart.coupons)
        except CurrencyMismatch:
            if strict:
                raise
            return None

    def _require_good(self, coupon: str, quote: Quote | None) -> None:
        if quote is None:
            raise DependencyUnavailable(service="promotions", detail="the coupon cannot be checked")
        states = {outcome.coupon: outcome.state for outcome in quote.coupons}
        state = states.get(coupon, CouponOutcome.STATE_UNKNOWN)
        if state == CouponOutcome.STATE_UNKNOWN:
            raise CouponNotFound(coupon=coupon)
        if state != CouponOutcome.STATE_ACCEPTED:
            raise CouponUnavailable(coupon=coupon, state=CouponOutcome.State.Name(state).removeprefix("STATE_"))

    @staticmethod
    def _unchanged(cart: Cart) -> _Draft:
        return _Draft(before=cart, after=cart)

    @property
    def _now(self) -> datetime:
        return self._clock.now()
