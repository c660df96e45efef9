"""Stocks, movements and reservations in SQL.

A reservation is one row with its lines as JSON: it is written and read whole, and the ledger has the same copies by
book and order for whoever wants to sum them.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from sqlalchemy import (
    JSON,
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
    insert,
    literal_column,
    select,
    update,
)

from chassis.database import AnyRow, ByCodePoint, Instant, insert_if_absent
from chassis.schema import chassis_tables
from services.inventory.domain import Cause, Line, Move, Movement, Reservation, State, Stock

metadata = MetaData()
chassis_tables(metadata)

STOCKS: Final = Table(
    "stocks",
    metadata,
    Column("book_id", ByCodePoint, nullable=False),
    Column("on_hand", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("update_time", Instant, nullable=False),
    PrimaryKeyConstraint("book_id", name="stocks_pk"),
    CheckConstraint("on_hand >= 0", name="stocks_on_hand"),
    CheckConstraint("reserved >= 0", name="stocks_reserved"),
    CheckConstraint("reserved <= on_hand", name="stocks_available"),
)
MOVEMENTS: Final = Table(
    "movements",
    metadata,
    Column("book_id", ByCodePoint, nullable=False),
    Column("version", BigInteger, nullable=False),  # of the stock: its movements count from 1 without gaps
    Column("cause", Text, nullable=False),
    Column("on_hand_delta", BigInteger, nullable=False),
    Column("reserved_delta", BigInteger, nullable=False),
    Column("on_hand", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("order_id", ByCodePoint),
    Column("user_name", Text),
    Column("note", Text, nullable=False),
    Column("create_time", Instant, nullable=False),
    PrimaryKeyConstraint("book_id", "version", name="movements_pk"),
    ForeignKeyConstraint(["book_id"], ["stocks.book_id"], name="movements_stock"),
)
RESERVATIONS: Final = Table(
    "reservations",
    metadata,
    Column("id", ByCodePoint, nullable=False),
    Column("state", Text, nullable=False),
    Column("lines", JSON, nullable=False),  # [[book id, quantity, returned], ...] sorted by book
    Column("create_time", Instant, nullable=False),
    Column("expire_time", Instant),
    Column("version", BigInteger, nullable=False),
    PrimaryKeyConstraint("id", name="reservations_pk"),
)
RELEASES: Final = Table(
    "releases",
    metadata,
    Column("reservation_id", ByCodePoint, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("create_time", Instant, nullable=False),
    PrimaryKeyConstraint("reservation_id", "request_id", name="releases_pk"),
)
"""Returns that were made. Kept beside the chassis' answers, which end after two days and differ by caller, while
orders may repeat a return later and in its own name."""

_active = RESERVATIONS.c.state == literal_column(f"'{State.ACTIVE}'")  # no parameter: the index must match at once
Index("reservations_active", RESERVATIONS.c.expire_time, sqlite_where=_active, postgresql_where=_active)

AVAILABLE: Final = STOCKS.c.on_hand - STOCKS.c.reserved

SELECT_STOCKS: Final = select(
    STOCKS.c.book_id, STOCKS.c.on_hand, STOCKS.c.reserved, STOCKS.c.version, STOCKS.c.update_time
)
"""All stocks, as rows for `stock_of`."""
_STOCK: Final = SELECT_STOCKS.where(STOCKS.c.book_id == bindparam("book"))

_on_hand_after = STOCKS.c.on_hand + bindparam("on_hand_delta", type_=BigInteger)
_reserved_after = STOCKS.c.reserved + bindparam("reserved_delta", type_=BigInteger)
_MOVE_COPIES: Final = (
    update(STOCKS)
    .where(STOCKS.c.book_id == bindparam("book"), _reserved_after >= 0, _on_hand_after >= _reserved_after)
    .values(
        on_hand=_on_hand_after,
        reserved=_reserved_after,
        version=STOCKS.c.version + 1,
        update_time=bindparam("now"),
    )
    .returning(STOCKS.c.on_hand, STOCKS.c.reserved, STOCKS.c.version)
)

SELECT_MOVEMENTS: Final = select(
    MOVEMENTS.c.book_id,
    MOVEMENTS.c.version,
    MOVEMENTS.c.cause,
    MOVEMENTS.c.on_hand_delta,
    MOVEMENTS.c.reserved_delta,
    MOVEMENTS.c.on_hand,
    MOVEMENTS.c.reserved,
    MOVEMENTS.c.order_id,
    MOVEMENTS.c.user_name,
    MOVEMENTS.c.note,
    MOVEMENTS.c.create_time,
)
"""The whole ledger, as rows for `movement_of`."""
_ADD_MOVEMENTS: Final = insert(MOVEMENTS)

_RESERVATION: Final = select(
    RESERVATIONS.c.id,
    RESERVATIONS.c.state,
    RESERVATIONS.c.lines,
    RESERVATIONS.c.create_time,
    RESERVATIONS.c.expire_time,
    RESERVATIONS.c.version,
).where(RESERVATIONS.c.id == bindparam("reservation"))
_LOCKED_RESERVATION: Final = _RESERVATION.with_for_update()
_CHANGE_RESERVATION: Final = update(RESERVATIONS).where(RESERVATIONS.c.id == bindparam("reservation"))
_OVERDUE: Final = (
    select(RESERVATIONS.c.id)
    .where(_active, RESERVATIONS.c.expire_time <= bindparam("now", type_=Instant))
    .order_by(RESERVATIONS.c.expire_time)
    .limit(bindparam("most"))
)


def find_stock(connection: Connection, book_id: str) -> Stock | None:
    """The stock of a book."""
    row = connection.execute(_STOCK, {"book": book_id}).one_or_none()
    return None if row is None else stock_of(row)


def open_stock(tx: Connection, book_id: str, now: datetime) -> bool:
    """Opens an empty stock unless there is one; says whether it did."""
    empty = {"book_id": book_id, "on_hand": 0, "reserved": 0, "version": 0, "update_time": now}
    return insert_if_absent(tx, STOCKS, empty)


def move_copies(tx: Connection, move: Move, now: datetime) -> Stock | None:
    """Makes a move if the stock allows it, in one statement; None, with nothing done, if not or without a stock."""
    row = tx.execute(
        _MOVE_COPIES,
        {"book": move.book_id, "on_hand_delta": move.on_hand, "reserved_delta": move.reserved, "now": now},
    ).one_or_none()
    if row is None:
        return None
    return Stock(book_id=move.book_id, on_hand=row.on_hand, reserved=row.reserved, version=row.version, update_time=now)


def add_movements(tx: Connection, movements: Sequence[Movement]) -> None:
    """Writes entries of the ledger, in one statement."""
    tx.execute(
        _ADD_MOVEMENTS,
        [
            {
                "book_id": movement.stock.book_id,
                "version": movement.stock.version,
                "cause": movement.move.cause.value,
                "on_hand_delta": movement.move.on_hand,
                "reserved_delta": movement.move.reserved,
                "on_hand": movement.stock.on_hand,
                "reserved": movement.stock.reserved,
                "order_id": movement.order_id,
                "user_name": movement.user,
                "note": movement.note,
                "create_time": movement.stock.update_time,
            }
            for movement in movements
        ],
    )


def find_reservation(connection: Connection, order_id: str) -> Reservation | None:
    """The reservation of an order."""
    row = connection.execute(_RESERVATION, {"reservation": order_id}).one_or_none()
    return None if row is None else _reservation_of(row)


def lock_reservation(tx: Connection, order_id: str) -> Reservation | None:
    """The reservation of an order, which nobody else can change before the transaction ends."""
    row = tx.execute(_LOCKED_RESERVATION, {"reservation": order_id}).one_or_none()
    return None if row is None else _reservation_of(row)


def add_reservation(tx: Connection, reservation: Reservation) -> bool:
    """Adds a reservation unless the order has one; says whether it did."""
    values = {
        "id": reservation.id,
        "state": reservation.state.value,
        "lines": _lines_json(reservation),
        "create_time": reservation.create_time,
        "expire_time": reservation.expire_time,
        "version": reservation.version,
    }
    return insert_if_absent(tx, RESERVATIONS, values)


def change_reservation(tx: Connection, reservation: Reservation) -> None:
    """Writes what became of a reservation that was locked."""
    tx.execute(
        _CHANGE_RESERVATION,
        {
            "reservation": reservation.id,
            "state": reservation.state.value,
            "lines": _lines_json(reservation),
            "version": reservation.version,
        },
    )


def add_release(tx: Connection, order_id: str, request_id: str, now: datetime) -> bool:
    """Notes the key of a return; says whether it is new."""
    return insert_if_absent(tx, RELEASES, {"reservation_id": order_id, "request_id": request_id, "create_time": now})


def overdue_reservations(connection: Connection, now: datetime, *, most: int) -> list[str]:
    """The orders of active reservations whose time is over, longest overdue first."""
    return list(connection.execute(_OVERDUE, {"now": now, "most": most}).scalars())


def stock_of(row: AnyRow) -> Stock:
    """The stock in a row of SELECT_STOCKS."""
    return Stock(
        book_id=row.book_id,
        on_hand=row.on_hand,
        reserved=row.reserved,
        version=row.version,
        update_time=row.update_time,
    )


def movement_of(row: AnyRow) -> Movement:
    """The entry in a row of SELECT_MOVEMENTS."""
    return Movement(
        move=Move(book_id=row.book_id, cause=Cause(row.cause), on_hand=row.on_hand_delta, reserved=row.reserved_delta),
        stock=Stock(
            book_id=row.book_id,
            on_hand=row.on_hand,
            reserved=row.reserved,
            version=row.version,
            update_time=row.create_time,
        ),
        order_id=row.order_id,
        user=row.user_name,
        note=row.note,
    )


def _reservation_of(row: AnyRow) -> Reservation:
    return Reservation(
        id=row.id,
        state=State(row.state),
        lines=tuple(
            Line(book_id=book_id, quantity=quantity, returned=returned) for book_id, quantity, returned in row.lines
        ),
        create_time=row.create_time,
        expire_time=row.expire_time,
        version=row.version,
    )


def _lines_json(reservation: Reservation) -> list[list[str | int]]:
    return [[line.book_id, line.quantity, line.returned] for line in reservation.lines]
