"""Placing an order: what a cart holds, at the price the buyer has seen."""

from __future__ import annotations

from datetime import timedelta

from bookstore.orders.v1.orders_errors import (
    BookMissing,
    CartEmpty,
    CartOrdered,
    CurrencyMismatch,
    PriceChanged,
    ShippingAddressRequired,
)
from sqlalchemy import Connection

from chassis.database import Database
from chassis.kernel import Clock, Ids, Money, ServiceError
from chassis.outbox import Outbox
from chassis.v1.platform_errors import RequestIdReused
from services.orders import events, store
from services.orders.commands import PlaceOrderCommand
from services.orders.order import Order, Progress, State, Transition, Work
from services.orders.ports import Basket, Carts, PricedBasket, Prices
from services.orders.saga import Saga


class PlaceOrder:
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

    def place(self, command: PlaceOrderCommand) -> Order:
        """The order, as far as its checkout came in the time there is; the same one when the request is repeated.

        Raises CartNotFound, CartEmpty, CartOrdered, BookMissing, CurrencyMismatch, ShippingAddressRequired,
        PriceChanged, RequestIdReused and DependencyUnavailable; then there is no order.
        """
        known = self._placed_before(command)
        if known is not None:
            return known if known.progress.work is Work.NONE else self._saga.resume(known.id) or known
        try:
            basket = self._basket(command)
            order = self._order(command, basket, basket.priced or self._prices.price(basket))
        except ServiceError:
            concurrent = self._placed_before(command)
            if concurrent is None:
                raise
            return concurrent  # its own order emptied the cart, or used the coupon up, since we looked
        if self._database.transact(lambda tx: self._add(tx, order, command, basket.etag)):
            return self._saga.run(order)
        concurrent = self._placed_before(command)
        if concurrent is None:
            raise CartOrdered(cart=basket.cart, order=self._order_of(basket))
        return concurrent

    def _basket(self, command: PlaceOrderCommand) -> Basket:
        basket = self._carts.basket(command.cart)
        if not basket.books:
            raise CartEmpty(cart=basket.cart)
        return basket

    def _order_of(self, basket: Basket) -> str:
        found = self._database.read(lambda connection: store.find_cart_order(connection, basket.cart, basket.etag))
        return f"orders/{found}" if found else ""

    def _placed_before(self, command: PlaceOrderCommand) -> Order | None:
        return self._database.read(lambda connection: _of_request(connection, command)) if command.request_id else None

    def _order(self, command: PlaceOrderCommand, basket: Basket, priced: PricedBasket) -> Order:
        if priced.missing_books:
            raise BookMissing(book=priced.missing_books[0])
        if command.expected_total.currency != priced.total.currency:
            raise CurrencyMismatch(given=command.expected_total.currency)
        is_shipped = any(not line.digital for line in priced.lines)
        if is_shipped and command.shipping_address is None:
            raise ShippingAddressRequired
        if command.expected_total != priced.total:
            raise PriceChanged(expected=str(command.expected_total), current=str(priced.total))
        now = self._clock.now()
        return Order(
            id=self._ids.new(),
            user=command.user,
            cart=basket.cart,
            lines=priced.lines,
            coupons=priced.coupons,
            total=priced.total,
            quote=priced.quote,
            payment_method=command.payment_method,
            shipping_address=command.shipping_address if is_shipped else None,
            create_time=now,
            update_time=now,
            refunded=Money.zero(priced.total.currency),
            history=(Transition(state=State.PENDING, version=1, time=now),),
            progress=Progress(due=now + self._claim),
        )

    def _add(self, tx: Connection, order: Order, command: PlaceOrderCommand, cart_etag: str) -> bool:
        added = store.add_order(
            tx, order, request_id=command.request_id, fingerprint=command.fingerprint, cart_etag=cart_etag
        )
        if not added:
            return False
        self._outbox.append(tx, events.order_placed(order), aggregate=order.name, version=order.version)
        return True


def _of_request(connection: Connection, command: PlaceOrderCommand) -> Order | None:
    found = store.find_request(connection, command.user, command.request_id)
    if found is None:
        return None
    order_id, fingerprint = found
    if fingerprint != command.fingerprint:
        raise RequestIdReused
    return store.find_order(connection, order_id)
