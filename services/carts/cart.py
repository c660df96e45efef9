"""Carts: lines, coupons, their limits, and how two carts become one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from bookstore.carts.v1.carts_errors import CartFull, CouponLimit, CurrencyMismatch, ItemNotFound, QuantityLimit

MOST_COPIES: Final = 99
"""Copies of one book in a cart."""
MOST_LINES: Final = 100
"""Books in a cart."""
MOST_COUPONS: Final = 10
"""Coupons in a cart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was last seen of a book in the catalog."""

    title: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Copies of one book (`books/…`); title and currency as last seen, empty before."""

    book: str
    quantity: int
    title: str = ""
    currency: str = ""


class LossReason(StrEnum):
    """Why something did not fit into a merged cart; the names are the contract's."""

    QUANTITY_LIMIT = "QUANTITY_LIMIT"
    CART_FULL = "CART_FULL"
    COUPON_LIMIT = "COUPON_LIMIT"


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeLoss:
    """Copies of a book, or a coupon, that did not fit into a merged cart."""

    reason: LossReason
    book: str = ""
    quantity: int = 0
    coupon: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cart:
    """A cart. `version` counts its changes, 0 for an own cart that was never written; `expire_time` is a guest's;
    `merged_into` is the id of the own cart a guest's was merged into, after which it is dead."""

    id: str
    guest: bool
    lines: tuple[Line, ...] = ()
    coupons: tuple[str, ...] = ()
    version: int = 0
    create_time: datetime | None = None
    update_time: datetime | None = None
    expire_time: datetime | None = None
    merged_into: str | None = None

    @property
    def name(self) -> str:
        """Resource name, `carts/{id}`."""
        return cart_name(self.id)

    @property
    def quantities(self) -> dict[str, int]:
        """Copies of each book, in the order they were added."""
        return {line.book: line.quantity for line in self.lines}

    def add(self, book: str, quantity: int) -> Cart:
        """With more copies of a book. Raises QuantityLimit, CartFull."""
        now = self.quantities.get(book, 0) + quantity
        if now > MOST_COPIES:
            raise QuantityLimit(limit=MOST_COPIES, book=book)
        if now > quantity:
            return self._with_quantity(book, now)
        if len(self.lines) >= MOST_LINES:
            raise CartFull(limit=MOST_LINES)
        return replace(self, lines=(*self.lines, Line(book=book, quantity=quantity)))

    def put(self, book: str, quantity: int) -> Cart:
        """With exactly that many copies of a book that is in it. Raises ItemNotFound."""
        if book not in self.quantities:
            raise ItemNotFound(book=book)
        return self._with_quantity(book, quantity)

    def remove(self, book: str) -> Cart:
        """Without the book."""
        return replace(self, lines=tuple(line for line in self.lines if line.book != book))

    def clear(self) -> Cart:
        """Without books and coupons."""
        return replace(self, lines=(), coupons=())

    def enter(self, coupon: str) -> Cart:
        """With a coupon (in capitals). Raises CouponLimit."""
        if coupon in self.coupons:
            return self
        if len(self.coupons) >= MOST_COUPONS:
            raise CouponLimit(limit=MOST_COUPONS)
        return replace(self, coupons=(*self.coupons, coupon))

    def withdraw(self, coupon: str) -> Cart:
        """Without the coupon (in capitals)."""
        return replace(self, coupons=tuple(known for known in self.coupons if known != coupon))

    def settle(self, ordered: Mapping[str, int], coupons: frozenset[str]) -> Cart:
        """Without the copies that were ordered and the coupons that were used; what was added since stays."""
        left = (replace(line, quantity=line.quantity - ordered.get(line.book, 0)) for line in self.lines)
        return replace(
            self,
            lines=tuple(line for line in left if line.quantity > 0),
            coupons=tuple(coupon for coupon in self.coupons if coupon not in coupons),
        )

    def take_in(self, other: Cart) -> tuple[Cart, tuple[MergeLoss, ...]]:
        """With the books and coupons of another cart, as far as they fit, and what did not. Its own come first."""
        merged, losses = self, []
        for line in other.lines:
            here = merged.quantities.get(line.book, 0)
            fits = min(line.quantity, MOST_COPIES - here)
            if not here and len(merged.lines) >= MOST_LINES:
                losses.append(MergeLoss(reason=LossReason.CART_FULL, book=line.book, quantity=line.quantity))
                continue
            if fits < line.quantity:
                left = line.quantity - fits
                losses.append(MergeLoss(reason=LossReason.QUANTITY_LIMIT, book=line.book, quantity=left))
            if fits:
                merged = merged.add(line.book, fits)
        for coupon in other.coupons:
            if coupon not in merged.coupons and len(merged.coupons) >= MOST_COUPONS:
                losses.append(MergeLoss(reason=LossReason.COUPON_LIMIT, coupon=coupon))
            else:
                merged = merged.enter(coupon)
        titles = {line.book: Seen(title=line.title, currency=line.currency) for line in other.lines if line.currency}
        return merged.see(titles | merged.seen), tuple(losses)

    @property
    def seen(self) -> dict[str, Seen]:
        """What was last seen of its books."""
        return {line.book: Seen(title=line.title, currency=line.currency) for line in self.lines if line.currency}

    def see(self, books: Mapping[str, Seen]) -> Cart:
        """With what was seen of some books just now."""
        return self._map(lambda line: _as_seen(line, books.get(line.book)))

    def require_one_currency(self) -> None:
        """Raises CurrencyMismatch when books were last seen with prices in different currencies."""
        known = [line for line in self.lines if line.currency]
        for line in known:
            if line.currency != known[0].currency:
                raise CurrencyMismatch(book=line.book, currency=line.currency, other=known[0].currency)

    def holds_the_same_as(self, other: Cart) -> bool:
        """Whether books, quantities and coupons are the same."""
        return self.quantities == other.quantities and self.coupons == other.coupons

    def _with_quantity(self, book: str, quantity: int) -> Cart:
        return self._map(lambda line: replace(line, quantity=quantity) if line.book == book else line)

    def _map(self, change: Callable[[Line], Line]) -> Cart:
        return replace(self, lines=tuple(change(line) for line in self.lines))


def _as_seen(line: Line, seen: Seen | None) -> Line:
    return line if seen is None else replace(line, title=seen.title, currency=seen.currency)


def cart_name(cart_id: str) -> str:
    """The resource name of the cart with the given id."""
    return f"carts/{cart_id}"
