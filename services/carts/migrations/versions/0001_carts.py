"""Carts, and the tables of the chassis."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from chassis.database import Instant
from chassis.schema import create_v1

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates all of it."""
    create_v1(op)
    op.create_table(
        "carts",
        sa.Column("id", sa.Text, nullable=False),
        sa.Column("guest", sa.Boolean, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("lines", sa.JSON, nullable=False),
        sa.Column("coupons", sa.JSON, nullable=False),
        sa.Column("create_time", Instant, nullable=False),
        sa.Column("update_time", Instant, nullable=False),
        sa.Column("expire_time", Instant),
        sa.Column("merged_into", sa.Text),
        sa.PrimaryKeyConstraint("id", name="carts_pk"),
    )
    op.create_index("carts_expire_time", "carts", ["expire_time"])
