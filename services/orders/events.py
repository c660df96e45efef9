"""What orders tells the others: ids and amounts, no personal data."""

from __future__ import annotations

from collections.abc import Iterable

from bookstore.orders.v1 import orders_events_pb2 as contract

from chassis.wire import money_message, timestamp
from services.orders.order import Order, Refund
from services.orders.order_lines import Copies


def order_placed(order: Order) -> contract.OrderPlaced:
    """An order was placed; its checkout begins."""
    return contract.OrderPlaced(
        order=order.name,
        user=order.user,
        cart=order.cart,
        total=money_message(order.total),
        lines=_copies(line.copies for line in order.lines),
        version=order.version,
        event_time=timestamp(order.update_time),
    )


def order_confirmed(order: Order) -> contract.OrderConfirmed:
    """Stock and money are secured."""
    return contract.OrderConfirmed(
        order=order.name,
        user=order.user,
        cart=order.cart,
        total=money_message(order.total),
        lines=_copies(line.copies for line in order.lines),
        coupons=order.coupons,
        version=order.version,
        event_time=timestamp(order.update_time),
    )


def order_rejected(order: Order) -> contract.OrderRejected:
    """The checkout failed."""
    return contract.OrderRejected(
        order=order.name,
        user=order.user,
        reject_reason=order.reject_reason,
        version=order.version,
        event_time=timestamp(order.update_time),
    )


def order_cancelled(order: Order) -> contract.OrderCancelled:
    """An order was called off."""
    return contract.OrderCancelled(
        order=order.name,
        user=order.user,
        total=money_message(order.total),
        lines=_copies(line.copies for line in order.lines),
        version=order.version,
        event_time=timestamp(order.update_time),
    )


def order_refunded(order: Order, refund: Refund) -> contract.OrderRefunded:
    """Copies of an order were paid back."""
    return contract.OrderRefunded(
        order=order.name,
        user=order.user,
        amount=money_message(refund.amount),
        lines=_copies(refund.copies),
        complete=refund.complete,
        version=order.version,
        event_time=timestamp(order.update_time),
    )


def order_shipped(order: Order) -> contract.OrderShipped:
    """The parcel left the house."""
    return contract.OrderShipped(
        order=order.name, user=order.user, version=order.version, event_time=timestamp(order.update_time)
    )


def order_delivered(order: Order) -> contract.OrderDelivered:
    """The parcel arrived."""
    return contract.OrderDelivered(
        order=order.name, user=order.user, version=order.version, event_time=timestamp(order.update_time)
    )


def _copies(parts: Iterable[Copies]) -> list[contract.OrderedCopies]:
    return [
        contract.OrderedCopies(
            book=part.book,
            quantity=part.quantity,
            unit_price=money_message(part.unit_price),
            total=money_message(part.amount),
            title=part.title,
        )
        for part in parts
    ]
