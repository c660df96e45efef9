"""Promotions, the redemptions of their coupons, and the tables of the chassis."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from chassis.database import Instant
from chassis.schema import create_v1

revision = "0001"
down_revision = None

_BY_CODE_POINT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
_LIVING = sa.text("delete_time IS NULL")


def upgrade() -> None:
    """Creates all of it."""
    create_v1(op)
    op.create_table(
        "promotions",
        sa.Column("id", _BY_CODE_POINT, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("start_time", Instant, nullable=False),
        sa.Column("end_time", Instant),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("exclusive", sa.Boolean, nullable=False),
        sa.Column("coupon_code", sa.Text),
        sa.Column("max_redemptions", sa.BigInteger),
        sa.Column("redemption_count", sa.BigInteger, nullable=False),
        sa.Column("categories", sa.JSON, nullable=False),
        sa.Column("min_subtotal_minor", sa.BigInteger),
        sa.Column("min_subtotal_currency", sa.Text),
        sa.Column("buy_quantity", sa.Integer),
        sa.Column("free_quantity", sa.Integer),
        sa.Column("percent_off", sa.Integer),
        sa.Column("max_discount_minor", sa.BigInteger),
        sa.Column("max_discount_currency", sa.Text),
        sa.Column("create_time", Instant, nullable=False),
        sa.Column("update_time", Instant, nullable=False),
        sa.Column("delete_time", Instant),
        sa.PrimaryKeyConstraint("id", name="promotions_pk"),
    )
    op.create_index(
        "promotions_coupon_code",
        "promotions",
        ["coupon_code"],
        unique=True,
        sqlite_where=_LIVING,
        postgresql_where=_LIVING,
    )
    op.create_table(
        "redemptions",
        sa.Column("order_name", sa.Text, nullable=False),
        sa.Column("coupon", sa.Text, nullable=False),
        sa.Column("promotion_id", _BY_CODE_POINT, nullable=False),
        sa.Column("released", sa.Boolean, nullable=False),
        sa.Column("create_time", Instant),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("order_name", "coupon", name="redemptions_pk"),
        sa.ForeignKeyConstraint(["promotion_id"], ["promotions.id"], name="redemptions_promotion"),
    )
    op.create_index("redemptions_promotion_id", "redemptions", ["promotion_id"])
