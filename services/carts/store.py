"""Carts in SQL: one row each, so that reading one is one statement and a change is one conditional statement."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    bindparam,
    delete,
    select,
    update,
)

from chassis.database import Columns, Instant, RowCodec, Statement, insert_if_absent
from chassis.schema import chassis_tables
from services.carts.cart import Cart, Line

_SWEEP_BATCH: Final = 1000

metadata = MetaData()
chassis_tables(metadata)

CARTS: Final = Table(
    "carts",
    metadata,
    Column("id", Text, nullable=False),  # a user's own cart bears the user's id
    Column("guest", Boolean, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("lines", JSON, nullable=False),  # [[book, quantity, title, currency], ...]
    Column("coupons", JSON, nullable=False),  # [code, ...]
    Column("create_time", Instant, nullable=False),
    Column("update_time", Instant, nullable=False),
    Column("expire_time", Instant),
    Column("merged_into", Text),
    PrimaryKeyConstraint("id", name="carts_pk"),
    Index("carts_expire_time", "expire_time"),
)

_CART: Final = RowCodec(
    Cart,
    CARTS,
    lines=Columns(
        "lines",
        read=lambda rows: tuple(
            Line(book=book, quantity=quantity, title=title, currency=currency)
            for book, quantity, title, currency in rows
        ),
        write=lambda lines: [[line.book, line.quantity, line.title, line.currency] for line in lines],
    ),
    coupons=Columns("coupons", read=tuple, write=list),
)
_BY_ID: Final = Statement(select(*_CART.columns).where(CARTS.c.id == bindparam("cart_id")), _CART)
_REPLACE: Final = Statement(
    update(CARTS).where(CARTS.c.id == bindparam("cart_id"), CARTS.c.version == bindparam("read_version")),
    keys=tuple(name for name in _CART.names if name not in ("id", "guest")),
)
_EXPIRE: Final = Statement(
    delete(CARTS).where(
        CARTS.c.id.in_(select(CARTS.c.id).where(CARTS.c.expire_time <= bindparam("now")).limit(_SWEEP_BATCH))
    )
)


def find_cart(connection: Connection, cart_id: str) -> Cart | None:
    """Returns the cart with the id, merged and expired ones too."""
    return _BY_ID.first(connection, cart_id=cart_id)


def write_cart(tx: Connection, before: Cart, after: Cart) -> bool:
    """Writes a cart over what was read of it, unless it changed since; returns whether it did."""
    row = _CART.values(after)
    if not before.version:
        return insert_if_absent(tx, CARTS, row)
    return _REPLACE.run(tx, cart_id=before.id, read_version=before.version, **row) == 1


def delete_expired(tx: Connection, now: datetime) -> int:
    """Deletes expired carts, at most a thousand; returns how many."""
    return _EXPIRE.run(tx, now=now)
