"""Payments, their steps and the ledger in SQL.

A step is one row, open until the provider's answer is recorded. A ledger entry is the lines of one step: its key is
that of the step, so that a step cannot be booked twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
    ForeignKeyConstraint,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    bindparam,
    func,
    insert,
    select,
    update,
)

from chassis.database import ByCodePoint, Columns, Instant, RowCodec, Statement, insert_if_absent
from chassis.kernel import Money
from chassis.schema import chassis_tables
from services.payments.ledger import Balance, entry
from services.payments.payment import Payment, State, Step
from services.payments.sandbox_books import provider_tables

metadata = MetaData()
chassis_tables(metadata)
provider_tables(metadata)

PAYMENTS: Final = Table(
    "payments",
    metadata,
    Column("id", ByCodePoint, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("payer", ByCodePoint, nullable=False),  # users/…; empty: voided before it was authorized
    Column("currency", Text),
    Column("amount_minor", BigInteger),
    Column("authorized_minor", BigInteger, nullable=False),
    Column("captured_minor", BigInteger, nullable=False),
    Column("refunded_minor", BigInteger, nullable=False),
    Column("method", Text, nullable=False),
    Column("decline_reason", Text, nullable=False),
    Column("create_time", Instant, nullable=False),
    Column("update_time", Instant, nullable=False),
    PrimaryKeyConstraint("id", name="payments_pk"),
    CheckConstraint(
        "0 <= refunded_minor AND refunded_minor <= captured_minor AND captured_minor <= authorized_minor",
        name="payments_sums",
    ),
    Index("payments_create_time", "create_time", "id"),
    Index("payments_payer", "payer", "create_time", "id"),
    Index("payments_state", "state", "create_time", "id"),
)
STEPS: Final = Table(
    "steps",
    metadata,
    Column("payment_id", ByCodePoint, nullable=False),
    Column("step_key", ByCodePoint, nullable=False),
    Column("step", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("attempts", BigInteger, nullable=False),  # of the worker
    Column("due", Instant),  # when the worker asks the provider next; NULL: the answer is recorded
    Column("create_time", Instant, nullable=False),
    PrimaryKeyConstraint("payment_id", "step_key", name="steps_pk"),
    ForeignKeyConstraint(["payment_id"], ["payments.id"], name="steps_payment"),
)
_open = STEPS.c.due.is_not(None)
Index("steps_due", STEPS.c.due, sqlite_where=_open, postgresql_where=_open)

LEDGER_LINES: Final = Table(
    "ledger_lines",
    metadata,
    Column("payment_id", ByCodePoint, nullable=False),
    Column("step_key", ByCodePoint, nullable=False),
    Column("account", ByCodePoint, nullable=False),
    Column("currency", ByCodePoint, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),  # debits positive, credits negative
    Column("booked", Instant, nullable=False),
    PrimaryKeyConstraint("payment_id", "step_key", "account", name="ledger_lines_pk"),
    ForeignKeyConstraint(["payment_id", "step_key"], ["steps.payment_id", "steps.step_key"], name="ledger_lines_step"),
    Index("ledger_lines_account", "account", "currency", "amount_minor"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One step of one payment, as it is asked of the provider: `key` is its name among the payment's steps."""

    payment_id: str
    step: Step
    key: str
    amount: Money
    method: str
    attempts: int = 0

    @property
    def provider_key(self) -> str:
        """The key the provider knows the step by."""
        return f"{self.payment_id}/{self.key}"


_PAYMENT: Final = RowCodec(
    Payment,
    PAYMENTS,
    user=Columns("payer", read=str),
    amount=Columns(
        "amount_minor",
        "currency",
        read=lambda minor, currency: None if currency is None else Money(minor=minor, currency=currency),
        write=lambda amount: (amount.minor, amount.currency) if amount else (None, None),
    ),
    state=Columns("state", read=State),
)
_BY_ID: Final = Statement(select(*_PAYMENT.columns).where(PAYMENTS.c.id == bindparam("payment_id")), _PAYMENT)
_UPDATE: Final = Statement(
    update(PAYMENTS).where(PAYMENTS.c.id == bindparam("payment_id")),
    keys=tuple(name for name in _PAYMENT.names if name != "id"),
)
_this_step = (STEPS.c.payment_id == bindparam("of_payment"), STEPS.c.step_key == bindparam("under"))
_STEP: Final = Statement(select(STEPS.c.amount_minor, STEPS.c.due).where(*_this_step))
_UPDATE_STEP: Final = Statement(update(STEPS).where(*_this_step, _open), keys=("due", "attempts"))
_REFUNDS_UNDER_WAY: Final = Statement(
    select(func.coalesce(func.sum(STEPS.c.amount_minor), 0)).where(
        STEPS.c.payment_id == bindparam("payment_id"), STEPS.c.step == Step.REFUND.value, _open
    ),
    int,
)


def _task_of(payment_id: str, step: str, key: str, minor: int, currency: str, method: str, attempts: int) -> Task:
    amount = Money(minor=minor, currency=currency)
    return Task(payment_id=payment_id, step=Step(step), key=key, amount=amount, method=method, attempts=attempts)


_DUE: Final = Statement(
    select(
        STEPS.c.payment_id,
        STEPS.c.step,
        STEPS.c.step_key,
        STEPS.c.amount_minor,
        PAYMENTS.c.currency,
        PAYMENTS.c.method,
        STEPS.c.attempts,
    )
    .join(PAYMENTS, PAYMENTS.c.id == STEPS.c.payment_id)
    .where(STEPS.c.due <= bindparam("now"))
    .order_by(STEPS.c.due)
    .limit(bindparam("most")),
    _task_of,
)
_BOOK: Final = Statement(insert(LEDGER_LINES), keys=tuple(column.name for column in LEDGER_LINES.c))
_BALANCES: Final = Statement(
    select(LEDGER_LINES.c.account, LEDGER_LINES.c.currency, func.sum(LEDGER_LINES.c.amount_minor, type_=BigInteger))
    .group_by(LEDGER_LINES.c.account, LEDGER_LINES.c.currency)
    .order_by(LEDGER_LINES.c.account, LEDGER_LINES.c.currency),
    lambda account, currency, minor: Balance(account=account, amount=Money(minor=int(minor), currency=currency)),
)


def find_payment(connection: Connection, payment_id: str) -> Payment | None:
    """Returns the payment with the id."""
    return _BY_ID.first(connection, payment_id=payment_id)


def add_payment(tx: Connection, payment: Payment) -> bool:
    """Adds a payment unless there is one with its id; returns whether it did."""
    return insert_if_absent(tx, PAYMENTS, payment_row(payment))


def replace_payment(tx: Connection, payment: Payment) -> None:
    """Writes a payment over its former self."""
    _UPDATE.run(tx, payment_id=payment.id, **payment_row(payment))


def add_step(tx: Connection, task: Task, *, due: datetime, now: datetime) -> bool:
    """Records that a step is intended, unless it was before; returns whether it did."""
    return insert_if_absent(
        tx,
        STEPS,
        {
            "payment_id": task.payment_id,
            "step_key": task.key,
            "step": task.step.value,
            "amount_minor": task.amount.minor,
            "attempts": 0,
            "due": due,
            "create_time": now,
        },
    )


def find_step(connection: Connection, payment_id: str, key: str) -> tuple[int, bool] | None:
    """Returns the amount in minor units of a step and whether it is still open; None when it was never intended."""
    row = _STEP.first(connection, of_payment=payment_id, under=key)
    return None if row is None else (row.amount_minor, row.due is not None)


def close_step(tx: Connection, task: Task) -> bool:
    """Records that a step has its result; returns whether it was open."""
    return postpone_step(tx, task, None)


def postpone_step(tx: Connection, task: Task, due: datetime | None) -> bool:
    """Sets when an open step is tried again; returns whether it was open."""
    return _UPDATE_STEP.run(tx, of_payment=task.payment_id, under=task.key, due=due, attempts=task.attempts) == 1


def due_steps(tx: Connection, now: datetime, limit: int) -> list[Task]:
    """Returns the open steps that are due, longest waiting first."""
    return _DUE.all(tx, now=now, most=limit)


def refunds_under_way(tx: Connection, payment_id: str) -> int:
    """Returns the sum of a payment's open refunds, in minor units."""
    return _REFUNDS_UNDER_WAY.first(tx, payment_id=payment_id) or 0


def book(tx: Connection, payment_id: str, step: Step, *, key: str, amount: Money, now: datetime) -> None:
    """Writes the ledger entry of a step that moved `amount`; `key` is the step's among the payment's."""
    _BOOK.run_many(
        tx,
        [
            {
                "payment_id": payment_id,
                "step_key": key,
                "account": account.value,
                "currency": part.currency,
                "amount_minor": part.minor,
                "booked": now,
            }
            for account, part in entry(step, amount).items()
        ],
    )


def balances(connection: Connection) -> tuple[Balance, ...]:
    """Returns the balance of every account in every currency, by account and currency."""
    return tuple(_BALANCES.all(connection))


def payment_row(payment: Payment) -> dict[str, Any]:
    """Returns the values of PAYMENTS' columns."""
    return _PAYMENT.values(payment)
