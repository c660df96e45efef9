"""What the saga keeps in SQL beside the orders: refunds to carry out, its log, and which order waits for it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import Connection, bindparam, func, insert, select, update

from chassis.database import Columns, RowCodec, Statement, scalar
from chassis.kernel import Money
from services.orders.order import Order, Refund, Step
from services.orders.order_lines import Copies
from services.orders.store import ORDER_REFUNDS, ORDERS, SAGA_STEPS

_NEXT_DUE: Final = Statement(
    select(ORDERS.c.id).where(ORDERS.c.due <= bindparam("now")).order_by(ORDERS.c.due).limit(1), str
)
_OLDEST_UNFINISHED: Final = Statement(select(func.min(ORDERS.c.update_time)).where(ORDERS.c.due.is_not(None)), scalar)


def _copies_of(rows: list[dict[str, Any]], currency: str) -> tuple[Copies, ...]:
    def money(minor: int) -> Money:
        return Money(minor=minor, currency=currency)

    return tuple(
        Copies(**{**row, "unit_price": money(row["unit_price"]), "amount": money(row["amount"])}) for row in rows
    )


def _copies_rows(copies: tuple[Copies, ...]) -> list[dict[str, Any]]:
    return [{**asdict(part), "unit_price": part.unit_price.minor, "amount": part.amount.minor} for part in copies]


_REFUND: Final = RowCodec(
    Refund,
    ORDER_REFUNDS,
    copies=Columns("copies", "currency", read=_copies_of, write=lambda copies: (_copies_rows(copies),)),
    amount=Columns(
        "amount_minor",
        "currency",
        read=lambda minor, currency: Money(minor=minor, currency=currency),
        write=lambda amount: (amount.minor, amount.currency),
    ),
)
_open = (ORDER_REFUNDS.c.order_id == bindparam("of_order"), ORDER_REFUNDS.c.done.is_(False))
_OPEN_REFUNDS: Final = Statement(
    select(*_REFUND.columns).where(*_open).order_by(ORDER_REFUNDS.c.time, ORDER_REFUNDS.c.id), _REFUND
)
_ADD_REFUND: Final = Statement(insert(ORDER_REFUNDS), keys=(*_REFUND.names, "order_id", "done"))
_CLOSE_REFUNDS: Final = Statement(update(ORDER_REFUNDS).where(*_open).values(done=True))
_ADD_STEPS: Final = Statement(insert(SAGA_STEPS), keys=("order_id", "fence", "step", "outcome", "detail", "time"))


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
    """Returns the id of the order that has been due longest."""
    return _NEXT_DUE.first(connection, now=now)


def oldest_unfinished(connection: Connection) -> datetime | None:
    """Returns when the unfinished order that changed longest ago did so."""
    time: datetime | None = _OLDEST_UNFINISHED.first(connection)
    return time


def add_refund(tx: Connection, order_id: str, refund: Refund) -> None:
    """Adds a refund that is to be carried out."""
    _ADD_REFUND.run(tx, order_id=order_id, done=False, **_REFUND.values(refund))


def open_refunds(connection: Connection, order_id: str) -> list[Refund]:
    """Returns the refunds of an order that are not carried out, oldest first."""
    return _OPEN_REFUNDS.all(connection, of_order=order_id)


def close_refunds(tx: Connection, order_id: str) -> None:
    """Marks all refunds of an order as carried out."""
    _CLOSE_REFUNDS.run(tx, of_order=order_id)


def add_steps(tx: Connection, order: Order, records: Iterable[StepRecord]) -> None:
    """Adds to the saga's log."""
    _ADD_STEPS.run_many(
        tx,
        [
            {
                "order_id": order.id,
                "fence": order.progress.fence,
                "step": record.step,
                "outcome": record.outcome,
                "detail": record.detail,
                "time": record.time,
            }
            for record in records
        ],
    )
