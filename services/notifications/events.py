"""Which events notifications listen to, and what each one means here."""

from __future__ import annotations

from typing import Final

from bookstore.orders.v1.orders_events_pb2 import OrderConfirmed, OrderedCopies
from sqlalchemy import Connection

from chassis.inbox import EventContext, Subscription
from chassis.wire import money_from
from services.notifications.notification import BoughtCopies, Purchase
from services.notifications.outbound import OutboundMail

_TRACE_HEADERS: Final = ("traceparent", "tracestate")
"""W3C Trace Context."""


def subscriptions(queueing: OutboundMail) -> tuple[Subscription, ...]:
    """What happens on which event."""

    def order_confirmed(tx: Connection, event: OrderConfirmed, context: EventContext) -> None:
        trace = {header: context.headers[header] for header in _TRACE_HEADERS if header in context.headers}
        queueing.order_confirmed(tx, event.user, purchase_of(event), trace)

    return (Subscription(event=OrderConfirmed, handle=order_confirmed),)


def purchase_of(event: OrderConfirmed) -> Purchase:
    """The order as the mail tells it. Raises CurrencyUnknown."""
    return Purchase(
        order=event.order,
        copies=tuple(_copies_of(line) for line in event.lines),
        total=money_from(event.total),
    )


def _copies_of(line: OrderedCopies) -> BoughtCopies:
    return BoughtCopies(
        title=line.title or line.book,
        quantity=line.quantity,
        unit_price=money_from(line.unit_price),
        total=money_from(line.total),
    )
