"""Between the notifications of the contract and those of the domain."""

from __future__ import annotations

from typing import Final

from bookstore.notifications.v1 import notification_pb2

from chassis.wire import timestamp
from services.notifications.domain import Kind, Notification, State

_STATES: Final = {state: notification_pb2.Notification.State.Value(f"STATE_{state}") for state in State}
_KINDS: Final = {kind: notification_pb2.Notification.Kind.Value(f"KIND_{kind}") for kind in Kind}


def notification_message(notification: Notification) -> notification_pb2.Notification:
    """The notification as the contract has it."""
    return notification_pb2.Notification(
        name=notification.name,
        kind=_KINDS[notification.kind],
        state=_STATES[notification.state],
        subject=notification.subject,
        order=notification.purchase.order,
        create_time=timestamp(notification.create_time),
        send_time=timestamp(notification.send_time) if notification.send_time else None,
    )
