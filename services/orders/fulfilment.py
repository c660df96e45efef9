"""What happens to an order after its checkout: shipping, delivery, cancellation, refunds.

Every use case runs in the transaction it is given, and its event leaves in the same one. What has to be given back at
other services is only noted there; the saga carries it out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from google.protobuf.message import Message
from sqlalchemy import Connection

from chassis.kernel import Caller, Clock, Ids
from chassis.outbox import Outbox
from services.orders import events, saga_storage, storage
from services.orders.domain import Order, order_name
from services.orders.reading import visible
from services.orders.refusals import OrderNotFound


class Fulfilment:
    """The changes an order goes through."""

    def __init__(self, *, clock: Clock, ids: Ids, outbox: Outbox) -> None:
        self._clock = clock
        self._ids = ids
        self._outbox = outbox

    def cancel(self, tx: Connection, order_id: str, caller: Caller, *, reason: str, etag: str) -> Order:
        """Calls an order off; one that is called off is answered as it is.

        Raises OrderNotFound, OrderStateInvalid and EtagMismatch.
        """
        before = visible(storage.find_order(tx, order_id), order_id, caller)
        after = before.cancel(reason=reason, etag=etag, now=self._clock.now())
        return self._write(tx, before, after, events.order_cancelled)

    def refund(
        self,
        tx: Connection,
        order_id: str,
        quantities: Mapping[str, int],
        *,
        restock: bool,
        reason: str,
        etag: str,
    ) -> Order:
        """Pays copies back, all that are left when none are named.

        Raises OrderNotFound, OrderStateInvalid, EtagMismatch, PaymentPending, LineNotFound and RefundExceedsOrder.
        """
        before = self._found(tx, order_id)
        after, refund = before.refund(
            self._ids.new(), quantities, restock=restock, reason=reason, etag=etag, now=self._clock.now()
        )
        saga_storage.add_refund(tx, order_id, refund)
        return self._write(tx, before, after, lambda order: events.order_refunded(order, refund))

    def ship(self, tx: Connection, order_id: str, *, carrier: str, tracking_code: str, etag: str) -> Order:
        """Notes that the parcel left the house. Raises OrderNotFound, OrderStateInvalid and EtagMismatch."""
        before = self._found(tx, order_id)
        after = before.ship(carrier=carrier, tracking_code=tracking_code, etag=etag, now=self._clock.now())
        return self._write(tx, before, after, events.order_shipped)

    def deliver(self, tx: Connection, order_id: str, *, etag: str) -> Order:
        """Notes that the parcel arrived. Raises OrderNotFound, OrderStateInvalid and EtagMismatch."""
        before = self._found(tx, order_id)
        return self._write(tx, before, before.deliver(etag=etag, now=self._clock.now()), events.order_delivered)

    def _found(self, tx: Connection, order_id: str) -> Order:
        order = storage.find_order(tx, order_id)
        if order is None:
            raise OrderNotFound(order_name(order_id))
        return order

    def _write(self, tx: Connection, before: Order, after: Order, event: Callable[[Order], Message]) -> Order:
        if after is not before:
            storage.save_order(tx, before, after)
            self._outbox.append(tx, event(after), aggregate=after.name, version=after.version)
        return after
