"""Notifications in SQL: one row each, without the address and the text of the mail."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    select,
    update,
)

from chassis.database import ByCodePoint, Columns, Instant, RowCodec, Statement, insert_if_absent
from chassis.kernel import Money
from chassis.schema import chassis_tables
from services.notifications.notification import BoughtCopies, Failure, Kind, Notification, Purchase, State

metadata = MetaData()
chassis_tables(metadata)

NOTIFICATIONS: Final = Table(
    "notifications",
    metadata,
    Column("id", ByCodePoint, nullable=False),
    Column("recipient", ByCodePoint, nullable=False),  # users/…
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("order_name", ByCodePoint, nullable=False),  # orders/…
    Column("currency", Text, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("copies", JSON, nullable=False),  # [[title, quantity, unit price in minor units, total in minor units], ...]
    Column("trace", JSON, nullable=False),  # {"traceparent": ..., "tracestate": ...}
    Column("attempts", BigInteger, nullable=False),
    Column("failure", Text, nullable=False),  # of the last attempt
    Column("due", Instant),  # when it may be tried; NULL: it is at its end
    Column("create_time", Instant, nullable=False),
    Column("send_time", Instant),
    PrimaryKeyConstraint("id", name="notifications_pk"),
    UniqueConstraint("order_name", "kind", name="notifications_order"),
    Index("notifications_recipient", "recipient", "create_time", "id"),
)
_waiting = NOTIFICATIONS.c.due.is_not(None)
Index("notifications_due", NOTIFICATIONS.c.due, sqlite_where=_waiting, postgresql_where=_waiting)


def _purchase_of(order: str, total_minor: int, currency: str, copies: list[Any]) -> Purchase:
    def money(minor: int) -> Money:
        return Money(minor=minor, currency=currency)

    return Purchase(
        order=order,
        copies=tuple(
            BoughtCopies(title=title, quantity=quantity, unit_price=money(unit_minor), total=money(minor))
            for title, quantity, unit_minor, minor in copies
        ),
        total=money(total_minor),
    )


def _purchase_row(purchase: Purchase) -> tuple[Any, ...]:
    copies = [[part.title, part.quantity, part.unit_price.minor, part.total.minor] for part in purchase.copies]
    return purchase.order, purchase.total.minor, purchase.total.currency, copies


_NOTIFICATION: Final = RowCodec(
    Notification,
    NOTIFICATIONS,
    user=Columns("recipient", read=str),
    kind=Columns("kind", read=Kind),
    purchase=Columns("order_name", "total_minor", "currency", "copies", read=_purchase_of, write=_purchase_row),
    state=Columns("state", read=State),
    failure=Columns("failure", read=Failure),
    trace=Columns("trace", read=dict, write=dict),
)
_NEXT: Final = Statement(
    select(*_NOTIFICATION.columns)
    .where(NOTIFICATIONS.c.due <= bindparam("now"))
    .order_by(NOTIFICATIONS.c.due)
    .limit(1),
    _NOTIFICATION,
)
_PROGRESS: Final = Statement(
    update(NOTIFICATIONS).where(
        NOTIFICATIONS.c.id == bindparam("of_notification"), NOTIFICATIONS.c.attempts == bindparam("at_attempt")
    ),
    keys=("state", "attempts", "failure", "due", "send_time"),
)


def add_notification(tx: Connection, notification: Notification) -> bool:
    """Adds a notification unless its order has one of its kind; returns whether it did."""
    return insert_if_absent(tx, NOTIFICATIONS, _NOTIFICATION.values(notification))


def next_due(tx: Connection, now: datetime) -> Notification | None:
    """Returns the queued notification that has been due longest."""
    return _NEXT.first(tx, now=now)


def write_progress(tx: Connection, before: Notification, after: Notification) -> bool:
    """Writes how far a notification has come unless another attempt began since `before`; returns whether it did."""
    row = _NOTIFICATION.values(after)
    return _PROGRESS.run(tx, of_notification=after.id, at_attempt=before.attempts, **row) == 1
