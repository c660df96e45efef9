"""What happens to an order after its checkout: cancellation, refunds, shipping, delivery.

What has to be given back at other services is only recorded with the change; the saga carries it out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bookstore.orders.v1 import order_pb2
from bookstore.orders.v1.orders_errors import OrderNotFound
from google.protobuf.message import Message
from sqlalchemy import Connection

from chassis.idempotency import IdempotencyStore
from chassis.kernel import Caller, Clock, Ids
from chassis.outbox import Outbox
from services.orders import events, saga_store, store
from services.orders.convert import order_message
from services.orders.order import Order, order_name
from services.orders.saga import Saga


class OrderLifecycle:
    """The commands on an order. Each is one transaction, its event included, and returns the order after it."""

    def __init__(self, *, answers: IdempotencyStore, saga: Saga, clock: Clock, ids: Ids, outbox: Outbox) -> None:
        self._answers = answers
        self._saga = saga
        self._clock = clock
        self._ids = ids
        self._outbox = outbox

    def cancel(self, order_id: str, caller: Caller, *, reason: str, etag: str) -> order_pb2.Order:
        """Cancels an order; if it is already cancelled, it is returned unchanged.

        Raises OrderNotFound, OrderStateInvalid and EtagMismatch.
        """

        def cancel(before: Order) -> Order:
            if not (caller.is_staff or caller.owns(before.user)):
                raise OrderNotFound(order=before.name)
            return before.cancel(reason=reason, etag=etag, now=self._clock.now())

        order = self._changed(order_id, cancel, events.order_cancelled)
        self._saga.resume(order_id)
        return order

    def refund(
        self, order_id: str, quantities: Mapping[str, int], *, restock: bool, reason: str, etag: str
    ) -> order_pb2.Order:
        """Refunds copies by book; all that are left when none are named.

        Raises OrderNotFound, OrderStateInvalid, EtagMismatch, PaymentPending, LineNotFound and RefundExceedsOrder.
        """

        def change(tx: Connection) -> order_pb2.Order:
            after, refund = _found(tx, order_id).refund(
                self._ids.new(), quantities, restock=restock, reason=reason, etag=etag, now=self._clock.now()
            )
            saga_store.add_refund(tx, order_id, refund)
            return self._saved(tx, after, events.order_refunded(after, refund))

        order = self._answers.transact(change)
        self._saga.resume(order_id)
        return order

    def ship(self, order_id: str, *, carrier: str, tracking_code: str, etag: str) -> order_pb2.Order:
        """Records that the parcel left the warehouse. Raises OrderNotFound, OrderStateInvalid and EtagMismatch."""

        def ship(before: Order) -> Order:
            return before.ship(carrier=carrier, tracking_code=tracking_code, etag=etag, now=self._clock.now())

        return self._changed(order_id, ship, events.order_shipped)

    def deliver(self, order_id: str, *, etag: str) -> order_pb2.Order:
        """Records that the parcel arrived. Raises OrderNotFound, OrderStateInvalid and EtagMismatch."""
        return self._changed(
            order_id, lambda before: before.deliver(etag=etag, now=self._clock.now()), events.order_delivered
        )

    def _changed(
        self, order_id: str, change: Callable[[Order], Order], event: Callable[[Order], Message]
    ) -> order_pb2.Order:
        def write(tx: Connection) -> order_pb2.Order:
            before = _found(tx, order_id)
            after = change(before)
            return order_message(before) if after is before else self._saved(tx, after, event(after))

        return self._answers.transact(write)

    def _saved(self, tx: Connection, order: Order, event: Message) -> order_pb2.Order:
        store.save_order(tx, order)
        self._outbox.append(tx, event, aggregate=order.name, version=order.version)
        return order_message(order)


def _found(tx: Connection, order_id: str) -> Order:
    order = store.find_order(tx, order_id)
    if order is None:
        raise OrderNotFound(order=order_name(order_id))
    return order
