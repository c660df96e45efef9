"""Payments, their steps and the ledger in SQL.

A step is one row, open until the provider's answer is recorded. A ledger entry is the lines of one step: its key is
that of the step, so that a step cannot be booked twice.
"""

from __future__ import annotations

from collections.abc import Sequence
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

from chassis.database import AnyRow, ByCodePoint, Instant, insert_if_absent
from chassis.kernel import Money
from chassis.schema import chassis_tables
from services.payments.domain import Payment, State, Step
from services.payments.ledger import Balance, entry
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

SELECT_PAYMENTS: Final = select(*PAYMENTS.c)
"""All payments, as rows for `payment_of`."""
_BY_ID: Final = SELECT_PAYMENTS.where(PAYMENTS.c.id == bindparam("payment_id"))
_UPDATE: Final = update(PAYMENTS).where(PAYMENTS.c.id == bindparam("payment_id"))
_THIS_STEP: Final = (STEPS.c.payment_id == bindparam("of_payment"), STEPS.c.step_key == bindparam("under"))
_STEP: Final = select(*STEPS.c).where(*_THIS_STEP)
_UPDATE_STEP: Final = update(STEPS).where(*_THIS_STEP, _open)
_REFUNDS_UNDER_WAY: Final = select(func.coalesce(func.sum(STEPS.c.amount_minor), 0)).where(
    STEPS.c.payment_id == bindparam("payment_id"), STEPS.c.step == Step.REFUND.value, _open
)
_DUE: Final = (
    select(*STEPS.c, PAYMENTS.c.currency, PAYMENTS.c.method)
    .join(PAYMENTS, PAYMENTS.c.id == STEPS.c.payment_id)
    .where(STEPS.c.due <= bindparam("now", type_=Instant))
    .order_by(STEPS.c.due)
    .limit(bindparam("most"))
)
_BALANCES: Final = (
    select(
        LEDGER_LINES.c.account,
        LEDGER_LINES.c.currency,
        func.sum(LEDGER_LINES.c.amount_minor, type_=BigInteger).label("balance_minor"),
    )
    .group_by(LEDGER_LINES.c.account, LEDGER_LINES.c.currency)
    .order_by(LEDGER_LINES.c.account, LEDGER_LINES.c.currency)
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


def find_payment(connection: Connection, payment_id: str) -> Payment | None:
    """The payment with the id."""
    row = connection.execute(_BY_ID, {"payment_id": payment_id}).one_or_none()
    return None if row is None else payment_of(row)


def add_payment(tx: Connection, payment: Payment) -> bool:
    """Adds a payment unless there is one with its id; says whether it did."""
    return insert_if_absent(tx, PAYMENTS, _values(payment))


def replace_payment(tx: Connection, payment: Payment) -> None:
    """Writes a payment over its former self."""
    tx.execute(_UPDATE, {"payment_id": payment.id, **_values(payment)})


def add_step(tx: Connection, task: Task, *, due: datetime, now: datetime) -> bool:
    """Records that a step is meant, unless it was before; says whether it did."""
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
    """The amount in minor units of a step and whether it is still open; None when it was never meant."""
    row = connection.execute(_STEP, {"of_payment": payment_id, "under": key}).one_or_none()
    return None if row is None else (row.amount_minor, row.due is not None)


def close_step(tx: Connection, task: Task) -> bool:
    """Notes that the answer to a step is recorded; says whether it was open."""
    return postpone_step(tx, task, None)


def postpone_step(tx: Connection, task: Task, due: datetime | None) -> bool:
    """Sets when an open step is asked again; says whether it was open."""
    values = {"of_payment": task.payment_id, "under": task.key, "due": due, "attempts": task.attempts}
    return tx.execute(_UPDATE_STEP, values).rowcount == 1


def due_steps(tx: Connection, now: datetime, limit: int) -> list[Task]:
    """Open steps whose time has come, longest waiting first."""
    return [
        Task(
            payment_id=row.payment_id,
            step=Step(row.step),
            key=row.step_key,
            amount=Money(minor=row.amount_minor, currency=row.currency),
            method=row.method,
            attempts=row.attempts,
        )
        for row in tx.execute(_DUE, {"now": now, "most": limit})
    ]


def refunds_under_way(tx: Connection, payment_id: str) -> int:
    """What open refunds of a payment come to, in minor units."""
    under_way: int = tx.execute(_REFUNDS_UNDER_WAY, {"payment_id": payment_id}).scalar_one()
    return int(under_way)


def book(tx: Connection, payment_id: str, step: Step, *, key: str, amount: Money, now: datetime) -> None:
    """Writes the ledger entry of a step that moved `amount`; `key` is the step's among the payment's."""
    lines = entry(step, amount).items()
    tx.execute(
        insert(LEDGER_LINES),
        [
            {
                "payment_id": payment_id,
                "step_key": key,
                "account": account.value,
                "currency": part.currency,
                "amount_minor": part.minor,
                "booked": now,
            }
            for account, part in lines
        ],
    )


def balances(connection: Connection) -> tuple[Balance, ...]:
    """The balance of every account in every currency, by account and currency."""
    rows: Sequence[AnyRow] = connection.execute(_BALANCES).all()
    return tuple(
        Balance(account=row.account, amount=Money(minor=int(row.balance_minor), currency=row.currency)) for row in rows
    )


def payment_of(row: AnyRow) -> Payment:
    """The payment in a row of SELECT_PAYMENTS."""
    return Payment(
        id=row.id,
        user=row.payer,
        amount=None if row.currency is None else Money(minor=row.amount_minor, currency=row.currency),
        method=row.method,
        state=State(row.state),
        create_time=row.create_time,
        update_time=row.update_time,
        authorized_minor=row.authorized_minor,
        captured_minor=row.captured_minor,
        refunded_minor=row.refunded_minor,
        decline_reason=row.decline_reason,
        version=row.version,
    )


def _values(payment: Payment) -> dict[str, Any]:
    return {
        "id": payment.id,
        "version": payment.version,
        "state": payment.state.value,
        "payer": payment.user,
        "currency": payment.amount.currency if payment.amount else None,
        "amount_minor": payment.amount.minor if payment.amount else None,
        "authorized_minor": payment.authorized_minor,
        "captured_minor": payment.captured_minor,
        "refunded_minor": payment.refunded_minor,
        "method": payment.method,
        "decline_reason": payment.decline_reason,
        "create_time": payment.create_time,
        "update_time": payment.update_time,
    }
