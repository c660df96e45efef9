"""The tables of orders.

An order is one row: its lines are JSON, its price as accepted and its address are serialized messages kept for
reading only. History, refunds and the saga's steps are only ever added to.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
)

from chassis.database import ByCodePoint, Instant
from chassis.schema import chassis_tables
from services.orders.domain import State

metadata = MetaData()
chassis_tables(metadata)

ORDERS: Final = Table(
    "orders",
    metadata,
    Column("id", ByCodePoint, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("user_name", ByCodePoint, nullable=False),
    Column("request_id", ByCodePoint),
    Column("fingerprint", Text, nullable=False),
    Column("cart", Text, nullable=False),
    Column("cart_etag", Text),  # of the cart as it was ordered
    Column("state", Text, nullable=False),
    Column("reject_reason", Text, nullable=False),
    Column("lines", JSON, nullable=False),  # [{book, title, digital, quantity, unit_price, discounts, refunded}, ...]
    Column("coupons", JSON, nullable=False),  # [code, ...], those to redeem
    Column("currency", Text, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("refunded_minor", BigInteger, nullable=False),
    Column("quote", LargeBinary, nullable=False),
    Column("payment_method", Text, nullable=False),
    Column("shipping_address", LargeBinary),
    Column("carrier", Text, nullable=False),
    Column("tracking_code", Text, nullable=False),
    Column("ship_time", Instant),
    Column("deliver_time", Instant),
    Column("create_time", Instant, nullable=False),
    Column("update_time", Instant, nullable=False),
    Column("work", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("due", Instant),  # when somebody may take it up; NULL: nothing is left to do
    Column("attempts", Integer, nullable=False),
    Column("reached", Text),
    PrimaryKeyConstraint("id", name="orders_pk"),
    UniqueConstraint("user_name", "request_id", name="orders_request"),
    Index("orders_user", "user_name", "create_time", "id"),
    Index("orders_create_time", "create_time", "id"),
)
_unfinished = ORDERS.c.due.is_not(None)
Index("orders_due", ORDERS.c.due, sqlite_where=_unfinished, postgresql_where=_unfinished)

_stands = ORDERS.c.state != State.REJECTED.value
Index("orders_cart", ORDERS.c.cart, ORDERS.c.cart_etag, unique=True, sqlite_where=_stands, postgresql_where=_stands)

ORDER_TRANSITIONS: Final = Table(
    "order_transitions",
    metadata,
    Column("order_id", ByCodePoint, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("time", Instant, nullable=False),
    Column("reason", Text, nullable=False),
    PrimaryKeyConstraint("order_id", "version", name="order_transitions_pk"),
    ForeignKeyConstraint(["order_id"], ["orders.id"], name="order_transitions_order"),
)
ORDER_REFUNDS: Final = Table(
    "order_refunds",
    metadata,
    Column("order_id", ByCodePoint, nullable=False),
    Column("id", ByCodePoint, nullable=False),
    Column("copies", JSON, nullable=False),  # [{book, title, digital, quantity, unit_price, amount}, ...]
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("restock", Boolean, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("time", Instant, nullable=False),
    Column("done", Boolean, nullable=False),
    PrimaryKeyConstraint("order_id", "id", name="order_refunds_pk"),
    ForeignKeyConstraint(["order_id"], ["orders.id"], name="order_refunds_order"),
)
SAGA_STEPS: Final = Table(
    "saga_steps",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("order_id", ByCodePoint, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("step", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("time", Instant, nullable=False),
    ForeignKeyConstraint(["order_id"], ["orders.id"], name="saga_steps_order"),
    Index("saga_steps_order_id", "order_id", "id"),
    sqlite_autoincrement=True,
)
