"""Notifications, and the tables of the chassis."""

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
        "notifications",
        sa.Column("id", _BY_CODE_POINT, nullable=False),
        sa.Column("recipient", _BY_CODE_POINT, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("order_name", _BY_CODE_POINT, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("total_minor", sa.BigInteger, nullable=False),
        sa.Column("copies", sa.JSON, nullable=False),
        sa.Column("trace", sa.JSON, nullable=False),
        sa.Column("attempts", sa.BigInteger, nullable=False),
        sa.Column("failure", sa.Text, nullable=False),
        sa.Column("due", Instant),
        sa.Column("create_time", Instant, nullable=False),
        sa.Column("send_time", Instant),
        sa.PrimaryKeyConstraint("id", name="notifications_pk"),
        sa.UniqueConstraint("order_name", "kind", name="notifications_order"),
    )
    op.create_index("notifications_recipient", "notifications", ["recipient", "create_time", "id"])
    waiting = sa.text("due IS NOT NULL")
    op.create_index("notifications_due", "notifications", ["due"], sqlite_where=waiting, postgresql_where=waiting)
