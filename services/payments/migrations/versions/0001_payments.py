"""Payments, their steps, the ledger, the sandbox provider's books, and the tables of the chassis."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from chassis.database import Instant
from chassis.schema import create_v1

revision = "0001"
down_revision = None

_BY_CODE_POINT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Creates all of it."""
    create_v1(op)
    op.create_table(
        "payments",
        sa.Column("id", _BY_CODE_POINT, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("payer", _BY_CODE_POINT, nullable=False),
        sa.Column("currency", sa.Text),
        sa.Column("amount_minor", sa.BigInteger),
        sa.Column("authorized_minor", sa.BigInteger, nullable=False),
        sa.Column("captured_minor", sa.BigInteger, nullable=False),
        sa.Column("refunded_minor", sa.BigInteger, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("decline_reason", sa.Text, nullable=False),
        sa.Column("create_time", Instant, nullable=False),
        sa.Column("update_time", Instant, nullable=False),
        sa.PrimaryKeyConstraint("id", name="payments_pk"),
        sa.CheckConstraint(
            "0 <= refunded_minor AND refunded_minor <= captured_minor AND captured_minor <= authorized_minor",
            name="payments_sums",
        ),
    )
    op.create_index("payments_create_time", "payments", ["create_time", "id"])
    op.create_index("payments_payer", "payments", ["payer", "create_time", "id"])
    op.create_index("payments_state", "payments", ["state", "create_time", "id"])
    op.create_table(
        "steps",
        sa.Column("payment_id", _BY_CODE_POINT, nullable=False),
        sa.Column("step_key", _BY_CODE_POINT, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("due", Instant),
        sa.Column("create_time", Instant, nullable=False),
        sa.PrimaryKeyConstraint("payment_id", "step_key", name="steps_pk"),
        sa.ForeignKeyConstraint(["payment_id"], ["payments.id"], name="steps_payment"),
    )
    is_open = sa.text("due IS NOT NULL")
    op.create_index("steps_due", "steps", ["due"], sqlite_where=is_open, postgresql_where=is_open)
    op.create_table(
        "ledger_lines",
        sa.Column("payment_id", _BY_CODE_POINT, nullable=False),
        sa.Column("step_key", _BY_CODE_POINT, nullable=False),
        sa.Column("account", _BY_CODE_POINT, nullable=False),
        sa.Column("currency", _BY_CODE_POINT, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("booked", Instant, nullable=False),
        sa.PrimaryKeyConstraint("payment_id", "step_key", "account", name="ledger_lines_pk"),
        sa.ForeignKeyConstraint(
            ["payment_id", "step_key"], ["steps.payment_id", "steps.step_key"], name="ledger_lines_step"
        ),
    )
    op.create_index("ledger_lines_account", "ledger_lines", ["account", "currency", "amount_minor"])
    op.create_table(
        "provider_payments",
        sa.Column("payment", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("decline_reason", sa.Text, nullable=False),
        sa.Column("captured_minor", sa.BigInteger, nullable=False),
        sa.Column("refunded_minor", sa.BigInteger, nullable=False),
        sa.Column("settles", Instant, nullable=False),
        sa.PrimaryKeyConstraint("payment", name="provider_payments_pk"),
    )
    op.create_table(
        "provider_requests",
        sa.Column("request_key", sa.Text, nullable=False),
        sa.Column("payment", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("request_key", name="provider_requests_pk"),
    )
