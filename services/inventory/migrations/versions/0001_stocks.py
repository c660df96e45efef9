"""Stocks, their ledger, reservations, and the tables of the chassis."""

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
        "stocks",
        sa.Column("book_id", _BY_CODE_POINT, nullable=False),
        sa.Column("on_hand", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("update_time", Instant, nullable=False),
        sa.PrimaryKeyConstraint("book_id", name="stocks_pk"),
        sa.CheckConstraint("on_hand >= 0", name="stocks_on_hand"),
        sa.CheckConstraint("reserved >= 0", name="stocks_reserved"),
        sa.CheckConstraint("reserved <= on_hand", name="stocks_available"),
    )
    op.create_table(
        "movements",
        sa.Column("book_id", _BY_CODE_POINT, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("cause", sa.Text, nullable=False),
        sa.Column("on_hand_delta", sa.BigInteger, nullable=False),
        sa.Column("reserved_delta", sa.BigInteger, nullable=False),
        sa.Column("on_hand", sa.BigInteger, nullable=False),
        sa.Column("reserved", sa.BigInteger, nullable=False),
        sa.Column("order_id", _BY_CODE_POINT),
        sa.Column("user_name", sa.Text),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("create_time", Instant, nullable=False),
        sa.PrimaryKeyConstraint("book_id", "version", name="movements_pk"),
        sa.ForeignKeyConstraint(["book_id"], ["stocks.book_id"], name="movements_stock"),
    )
    op.create_table(
        "reservations",
        sa.Column("id", _BY_CODE_POINT, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("lines", sa.JSON, nullable=False),
        sa.Column("create_time", Instant, nullable=False),
        sa.Column("expire_time", Instant),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="reservations_pk"),
    )
    active = sa.text("state = 'ACTIVE'")
    op.create_index(
        "reservations_active", "reservations", ["expire_time"], sqlite_where=active, postgresql_where=active
    )
    op.create_table(
        "releases",
        sa.Column("reservation_id", _BY_CODE_POINT, nullable=False),
        sa.Column("request_id", sa.Text, nullable=False),
        sa.Column("create_time", Instant, nullable=False),
        sa.PrimaryKeyConstraint("reservation_id", "request_id", name="releases_pk"),
    )
