"""Placing an order: what a cart holds, at the price the buyer has seen."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from sqlalchemy import Connection

from chassis.database import Database
from chassis.idempotency import RequestIdReused
from chassis.kernel import Clock, CurrencyMismatch, Ids, Money, ServiceError
from chassis.outbox import Outbox
from services.orders import events, storage
from services.orders.domain import Order, Progress, State, Transition, Work
from services.orders.ports import Basket, Carts, PricedBasket, Prices
from services.orders.refusals import BookMissing, CartEmpty, CartOrdered, PriceChanged, ShippingAddressRequired
from services.orders.saga import Saga


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a buyer asks for. `fingerprint` tells two requests under the same request_id apart."""

    user: str
    cart: str
    payment_method: str
    shipping_address: bytes | None = field(repr=False)
    expected_total: Money
    request_id: str
    fingerprint: str


class Checkout:
    """Places orders and sends them through the saga."""

    def __init__(
        self,
        database: Database,
        saga: Saga,
        *,
        carts: Carts,
        prices: Prices,
        clock: Clock,
        ids: Ids,
        outbox: Outbox,
        claim: timedelta,
    ) -> None:
        self._database = database
        self._saga = saga
        self._carts = carts
        self._prices = prices
        self._clock = clock
        self._ids = ids
        self._outbox = outbox
        self._claim = claim

    def place(self, wish: Wish) -> Order:
        """The order, as far as its checkout came in the time there is; the same one when the request is repeated.

        Raises CartNotFound, CartEmpty, CartOrdered, BookMissing, CurrencyMismatch, ShippingAddressRequired,
        PriceChanged, RequestIdReused and DependencyUnavailable; then there is no order.
        """
        known = self._placed_before(wish)
        if known is not None:
            return known if known.progress.work is Work.NONE else self._saga.resume(known.id) or known
        try:
            basket = self._basket(wish)
            order = self._order(wish, basket, basket.priced or self._prices.price(basket))
        except ServiceError:
            concurrent = self._placed_before(wish)
            if concurrent is None:
                raise
            return concurrent  # its own order emptied the cart, or used the coupon up, since we looked
        if self._database.transact(lambda tx: self._add(tx, order, wish, basket.etag)):
            return self._saga.run(order)
        concurrent = self._placed_before(wish)
        if concurrent is None:
            raise CartOrdered(basket.cart, self._order_of(basket))
        return concurrent

    def _basket(self, wish: Wish) -> Basket:
        basket = self._carts.basket(wish.cart)
        if not basket.books:
            raise CartEmpty(basket.cart)
        return basket

    def _order_of(self, basket: Basket) -> str:
        found = self._database.read(lambda connection: storage.find_cart_order(connection, basket.cart, basket.etag))
        return f"orders/{found}" if found else ""

    def _placed_before(self, wish: Wish) -> Order | None:
        return self._database.read(lambda connection: _of_request(connection, wish)) if wish.request_id else None

    def _order(self, wish: Wish, basket: Basket, priced: PricedBasket) -> Order:
        if priced.missing_books:
            raise BookMissing(priced.missing_books[0])
        if wish.expected_total.currency != priced.total.currency:
            raise CurrencyMismatch(
                f"the cart is priced in {priced.total.currency}",
                field="expected_total.currency_code",
                expected=priced.total.currency,
                given=wish.expected_total.currency,
            )
        is_shipped = any(not line.digital for line in priced.lines)
        if is_shipped and wish.shipping_address is None:
            raise ShippingAddressRequired
        if wish.expected_total != priced.total:
            raise PriceChanged(expected=wish.expected_total, current=priced.total)
        now = self._clock.now()
        return Order(
            id=self._ids.new(),
            user=wish.user,
            cart=basket.cart,
            lines=priced.lines,
            coupons=priced.coupons,
            total=priced.total,
            quote=priced.quote,
            payment_method=wish.payment_method,
            shipping_address=wish.shipping_address if is_shipped else None,
            create_time=now,
            update_time=now,
            refunded=Money.zero(priced.total.currency),
            history=(Transition(state=State.PENDING, version=1, time=now),),
            progress=Progress(due=now + self._claim),
        )

    def _add(self, tx: Connection, order: Order, wish: Wish, cart_etag: str) -> bool:
        added = storage.add_order(
            tx, order, request_id=wish.request_id, fingerprint=wish.fingerprint, cart_etag=cart_etag
        )
        if not added:
            return False
        self._outbox.append(tx, events.order_placed(order), aggregate=order.name, version=order.version)
        return True


def _of_request(connection: Connection, wish: Wish) -> Order | None:
    found = storage.find_request(connection, wish.user, wish.request_id)
    if found is None:
        return None
    order_id, fingerprint = found
    if fingerprint != wish.fingerprint:
        raise RequestIdReused("the request_id was used for another request; take a new one", field="request_id")
    return storage.find_order(connection, order_id)
