"""Orders, their history, refunds and saga log, and the tables of the chassis."""

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
    _create_orders()
    _create_what_belongs_to_an_order()


def _create_orders() -> None:
    op.create_table(
        "orders",
        sa.Column("id", _BY_CODE_POINT, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("user_name", _BY_CODE_POINT, nullable=False),
        sa.Column("request_id", _BY_CODE_POINT),
        sa.Column("fingerprint", sa.Text, nullable=False),
        sa.Column("cart", sa.Text, nullable=False),
        sa.Column("cart_etag", sa.Text),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("history", sa.JSON, nullable=False),
        sa.Column("reject_reason", sa.Text, nullable=False),
        sa.Column("lines", sa.JSON, nullable=False),
        sa.Column("coupons", sa.JSON, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("total_minor", sa.BigInteger, nullable=False),
        sa.Column("refunded_minor", sa.BigInteger, nullable=False),
        sa.Column("quote", sa.LargeBinary, nullable=False),
        sa.Column("payment_method", sa.Text, nullable=False),
        sa.Column("shipping_address", sa.LargeBinary),
        sa.Column("carrier", sa.Text, nullable=False),
        sa.Column("tracking_code", sa.Text, nullable=False),
        sa.Column("ship_time", Instant),
        sa.Column("deliver_time", Instant),
        sa.Column("create_time", Instant, nullable=False),
        sa.Column("update_time", Instant, nullable=False),
        sa.Column("work", sa.Text, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("due", Instant),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("reached", sa.Text),
        sa.PrimaryKeyConstraint("id", name="orders_pk"),
        sa.UniqueConstraint("user_name", "request_id", name="orders_request"),
    )
    op.create_index("orders_user", "orders", ["user_name", "create_time", "id"])
    op.create_index("orders_create_time", "orders", ["create_time", "id"])
    stands = sa.text("state != 'REJECTED'")
    op.create_index(
        "orders_cart", "orders", ["cart", "cart_etag"], unique=True, sqlite_where=stands, postgresql_where=stands
    )
    unfinished = sa.text("due IS NOT NULL")
    op.create_index("orders_due", "orders", ["due"], sqlite_where=unfinished, postgresql_where=unfinished)


def _create_what_belongs_to_an_order() -> None:
    op.create_table(
        "order_refunds",
        sa.Column("order_id", _BY_CODE_POINT, nullable=False),
        sa.Column("id", _BY_CODE_POINT, nullable=False),
        sa.Column("copies", sa.JSON, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("restock", sa.Boolean, nullable=False),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("time", Instant, nullable=False),
        sa.Column("done", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("order_id", "id", name="order_refunds_pk"),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="order_refunds_order"),
    )
    op.create_table(
        "saga_steps",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True),
        sa.Column("order_id", _BY_CODE_POINT, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("time", Instant, nullable=False),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="saga_steps_order"),
        sqlite_autoincrement=True,
    )
    op.create_index("saga_steps_order_id", "saga_steps", ["order_id", "id"])
