"""What carts do when others tell that something happened."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from bookstore.orders.v1.orders_events_pb2 import OrderConfirmed
from sqlalchemy import Connection

from chassis.inbox import EventContext, Subscription
from chassis.kernel import Clock, resource_id
from services.carts import store
from services.carts.cart import Cart


class OrderConfirmedHandler:
    """Ordered copies leave the cart they came from."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    @property
    def subscription(self) -> Subscription:
        """To the orders that were confirmed."""
        return Subscription(event=OrderConfirmed, handle=self.order_confirmed)

    def order_confirmed(self, tx: Connection, event: OrderConfirmed, context: EventContext) -> None:  # noqa: ARG002
        """Takes the ordered copies and used coupons out; a cart that is gone, or has them no more, is left alone."""
        before = self._cart(tx, resource_id("carts", event.cart))
        if before is None:
            return
        ordered: Counter[str] = Counter()
        for line in event.lines:
            ordered[line.book] += line.quantity
        after = before.settle(ordered, frozenset(event.coupons))
        if not after.holds_the_same_as(before):
            store.write_cart(tx, before, replace(after, version=before.version + 1, update_time=self._clock.now()))

    def _cart(self, tx: Connection, cart_id: str) -> Cart | None:
        cart = store.find_cart(tx, cart_id)
        if cart is not None and cart.merged_into is not None:  # merged while the order was on its way
            return store.find_cart(tx, cart.merged_into)
        return cart
