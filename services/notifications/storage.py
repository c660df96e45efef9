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

from chassis.database import AnyRow, ByCodePoint, Instant, insert_if_absent
from chassis.kernel import Money
from chassis.schema import chassis_tables
from services.notifications.domain import BoughtCopies, Failure, Kind, Notification, Purchase, State

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

SELECT_NOTIFICATIONS: Final = select(*NOTIFICATIONS.c)
"""All notifications, as rows for `notification_of`."""
_NEXT: Final = (
    SELECT_NOTIFICATIONS.where(NOTIFICATIONS.c.due <= bindparam("now", type_=Instant))
    .order_by(NOTIFICATIONS.c.due)
    .limit(1)
)
_PROGRESS: Final = update(NOTIFICATIONS).where(
    NOTIFICATIONS.c.id == bindparam("of_notification"), NOTIFICATIONS.c.attempts == bindparam("at_attempt")
)


def add_notification(tx: Connection, notification: Notification) -> bool:
    """Adds a notification unless its order has one of its kind; says whether it did."""
    purchase = notification.purchase
    return insert_if_absent(
        tx,
        NOTIFICATIONS,
        {
            "id": notification.id,
            "recipient": notification.user,
            "kind": notification.kind.value,
            "subject": notification.subject,
            "order_name": purchase.order,
            "currency": purchase.total.currency,
            "total_minor": purchase.total.minor,
            "copies": [
                [copies.title, copies.quantity, copies.unit_price.minor, copies.total.minor]
                for copies in purchase.copies
            ],
            "trace": dict(notification.trace),
            "create_time": notification.create_time,
            **_progress(notification),
        },
    )


def next_due(tx: Connection, now: datetime) -> Notification | None:
    """The queued notification that has waited longest for its turn."""
    row = tx.execute(_NEXT, {"now": now}).one_or_none()
    return None if row is None else notification_of(row)


def write_progress(tx: Connection, before: Notification, after: Notification) -> bool:
    """Writes how far a notification has come unless another attempt began since `before`; says whether it did."""
    values = {"of_notification": after.id, "at_attempt": before.attempts, **_progress(after)}
    return tx.execute(_PROGRESS, values).rowcount == 1


def notification_of(row: AnyRow) -> Notification:
    """The notification in a row of SELECT_NOTIFICATIONS."""

    def money(minor: int) -> Money:
        return Money(minor=minor, currency=row.currency)

    copies = tuple(
        BoughtCopies(title=title, quantity=quantity, unit_price=money(unit_minor), total=money(total_minor))
        for title, quantity, unit_minor, total_minor in row.copies
    )
    return Notification(
        id=row.id,
        user=row.recipient,
        kind=Kind(row.kind),
        subject=row.subject,
        purchase=Purchase(order=row.order_name, copies=copies, total=money(row.total_minor)),
        create_time=row.create_time,
        due=row.due,
        state=State(row.state),
        attempts=row.attempts,
        failure=Failure(row.failure),
        send_time=row.send_time,
        trace=row.trace,
    )


def _progress(notification: Notification) -> dict[str, Any]:
    return {
        "state": notification.state.value,
        "attempts": notification.attempts,
        "failure": notification.failure.value,
        "due": notification.due,
        "send_time": notification.send_time,
    }
