"""Rows to the notifications of the contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bookstore.notifications.v1 import notification_pb2

from chassis.database import Columns, RowCodec
from services.notifications.notification import Kind, State
from services.notifications.store import NOTIFICATIONS

_STATES: Final[Mapping[str, Any]] = {
    state: notification_pb2.Notification.State.Value(f"STATE_{state}") for state in State
}
_KINDS: Final[Mapping[str, Any]] = {kind: notification_pb2.Notification.Kind.Value(f"KIND_{kind}") for kind in Kind}

NOTIFICATION: Final = RowCodec(
    notification_pb2.Notification,
    NOTIFICATIONS,
    name=Columns("recipient", "id", read="{}/notifications/{}".format),
    kind=Columns("kind", read=_KINDS.__getitem__),
    state=Columns("state", read=_STATES.__getitem__),
    order=Columns("order_name", read=str),
)
"""Makes the contract's notification of a row."""
