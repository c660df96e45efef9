"""Carts in SQL: one row each, so that reading one is one statement and a change is one conditional statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

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

from chassis.database import AnyRow, Instant, insert_if_absent
from chassis.schema import chassis_tables
from services.carts.domain import Cart, Line

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

_BY_ID: Final = select(CARTS).where(CARTS.c.id == bindparam("cart_id"))
_REPLACE: Final = update(CARTS).where(CARTS.c.id == bindparam("cart_id"), CARTS.c.version == bindparam("read_version"))
_EXPIRED: Final = select(CARTS.c.id).where(CARTS.c.expire_time <= bindparam("now", type_=Instant)).limit(_SWEEP_BATCH)
_SWEEP: Final = delete(CARTS).where(CARTS.c.id.in_(_EXPIRED))


def find_cart(connection: Connection, cart_id: str) -> Cart | None:
    """The cart with the id, dead and expired ones too."""
    row = connection.execute(_BY_ID, {"cart_id": cart_id}).one_or_none()
    return None if row is None else _cart_of(row)


def write_cart(tx: Connection, before: Cart, after: Cart) -> bool:
    """Writes a cart over what was read of it, unless it changed since; says whether it did."""
    if not before.version:
        return insert_if_absent(tx, CARTS, {"id": after.id, "guest": after.guest, **_values(after)})
    parameters = {"cart_id": before.id, "read_version": before.version, **_values(after)}
    return tx.execute(_REPLACE, parameters).rowcount == 1


def delete_expired(tx: Connection, now: datetime) -> int:
    """Deletes carts that have expired, at most a thousand; says how many."""
    return tx.execute(_SWEEP, {"now": now}).rowcount


def _values(cart: Cart) -> dict[str, Any]:
    return {
        "version": cart.version,
        "lines": [[line.book, line.quantity, line.title, line.currency] for line in cart.lines],
        "coupons": list(cart.coupons),
        "create_time": cart.create_time,
        "update_time": cart.update_time,
        "expire_time": cart.expire_time,
        "merged_into": cart.merged_into,
    }


def _cart_of(row: AnyRow) -> Cart:
    return Cart(
        id=row.id,
        guest=row.guest,
        version=row.version,
        lines=tuple(
            Line(book=book, quantity=quantity, title=title, currency=currency)
            for book, quantity, title, currency in row.lines
        ),
        coupons=tuple(row.coupons),
        create_time=row.create_time,
        update_time=row.update_time,
        expire_time=row.expire_time,
        merged_into=row.merged_into,
    )
