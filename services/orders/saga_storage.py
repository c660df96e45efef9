"""What the saga keeps in SQL beside the orders: refunds to carry out, its log, and which order waits for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, insert, select, update

from chassis.database import AnyRow
from chassis.kernel import Money
from services.orders.domain import Order, Refund, Step
from services.orders.lines import Copies
from services.orders.tables import ORDER_REFUNDS, ORDERS, SAGA_STEPS

_NEXT_DUE: Final = (
    select(ORDERS.c.id).where(ORDERS.c.due <= bindparam("now", type_=ORDERS.c.due.type)).order_by(ORDERS.c.due).limit(1)
)
_OLDEST_UNFINISHED: Final = select(func.min(ORDERS.c.update_time)).where(ORDERS.c.due.is_not(None))
_OPEN_REFUNDS: Final = (
    select(
        ORDER_REFUNDS.c.id,
        ORDER_REFUNDS.c.copies,
        ORDER_REFUNDS.c.currency,
        ORDER_REFUNDS.c.amount_minor,
        ORDER_REFUNDS.c.restock,
        ORDER_REFUNDS.c.complete,
        ORDER_REFUNDS.c.reason,
        ORDER_REFUNDS.c.time,
    )
    .where(ORDER_REFUNDS.c.order_id == bindparam("of_order"), ORDER_REFUNDS.c.done.is_(False))
    .order_by(ORDER_REFUNDS.c.time, ORDER_REFUNDS.c.id)
)
_CLOSE_REFUNDS: Final = (
    update(ORDER_REFUNDS)
    .where(ORDER_REFUNDS.c.order_id == bindparam("of_order"), ORDER_REFUNDS.c.done.is_(False))
    .values(done=True)
)


class Outcome(StrEnum):
    """What came of a step."""

    DONE = "DONE"
    REFUSED = "REFUSED"  # for good
    FAILED = "FAILED"  # it is not known whether it had an effect, or it will be tried again


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """One row of the saga's log."""

    step: Step
    outcome: Outcome
    detail: str
    time: datetime


def next_due(connection: Connection, now: datetime) -> str | None:
    """Id of the order that has been waiting longest for somebody to go on with it."""
    order_id: str | None = connection.execute(_NEXT_DUE, {"now": now}).scalar_one_or_none()
    return order_id


def oldest_unfinished(connection: Connection) -> datetime | None:
    """When the unfinished order that changed longest ago did so."""
    moment: datetime | None = connection.execute(_OLDEST_UNFINISHED).scalar_one()
    return moment


def add_refund(tx: Connection, order_id: str, refund: Refund) -> None:
    """Adds a refund that is to be carried out."""
    values = {
        "order_id": order_id,
        "id": refund.id,
        "copies": [_copies_values(copies) for copies in refund.copies],
        "currency": refund.amount.currency,
        "amount_minor": refund.amount.minor,
        "restock": refund.restock,
        "complete": refund.complete,
        "reason": refund.reason,
        "time": refund.time,
        "done": False,
    }
    tx.execute(insert(ORDER_REFUNDS), values)


def open_refunds(connection: Connection, order_id: str) -> list[Refund]:
    """The refunds of an order that are not carried out, oldest first."""
    return [_refund_of(row) for row in connection.execute(_OPEN_REFUNDS, {"of_order": order_id})]


def close_refunds(tx: Connection, order_id: str) -> None:
    """Notes that all refunds of an order are carried out."""
    tx.execute(_CLOSE_REFUNDS, {"of_order": order_id})


def add_steps(tx: Connection, order: Order, records: Iterable[StepRecord]) -> None:
    """Adds to the saga's log."""
    rows = [
        {
            "order_id": order.id,
            "fence": order.progress.fence,
            "step": record.step,
            "outcome": record.outcome,
            "detail": record.detail,
            "time": record.time,
        }
        for record in records
    ]
    if rows:
        tx.execute(insert(SAGA_STEPS), rows)


def _copies_values(copies: Copies) -> dict[str, Any]:
    return {
        "book": copies.book,
        "title": copies.title,
        "digital": copies.digital,
        "quantity": copies.quantity,
        "unit_price": copies.unit_price.minor,
        "amount": copies.amount.minor,
    }


def _refund_of(row: AnyRow) -> Refund:
    def money(minor: int) -> Money:
        return Money(minor=minor, currency=row.currency)

    copies = tuple(
        Copies(**{**values, "unit_price": money(values["unit_price"]), "amount": money(values["amount"])})
        for values in row.copies
    )
    return Refund(
        id=row.id,
        copies=copies,
        amount=money(row.amount_minor),
        restock=row.restock,
        complete=row.complete,
        reason=row.reason,
        time=row.time,
    )
