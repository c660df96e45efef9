"""Stocks, movements and reservations in SQL.

A reservation is one row with its lines as JSON: it is written and read whole, and the ledger has the same copies by
book and order for whoever wants to sum them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

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

from chassis.database import ByCodePoint, Columns, Instant, RowCodec, Statement, insert_if_absent
from chassis.schema import chassis_tables
from services.inventory.stock import Line, Move, Movement, Reservation, State, Stock

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


def _lines_of(rows: Iterable[tuple[str, int, int]]) -> tuple[Line, ...]:
    return tuple(Line(book_id=book_id, quantity=quantity, returned=returned) for book_id, quantity, returned in rows)


_STOCK: Final = RowCodec(Stock, STOCKS)
_RESERVATION: Final = RowCodec(
    Reservation,
    RESERVATIONS,
    state=Columns("state", read=State),
    lines=Columns(
        "lines",
        read=_lines_of,
        write=lambda lines: [[line.book_id, line.quantity, line.returned] for line in lines],
    ),
)

_BY_BOOK: Final = Statement(select(*_STOCK.columns).where(STOCKS.c.book_id == bindparam("book")), _STOCK)
_on_hand_after = STOCKS.c.on_hand + bindparam("on_hand_delta", type_=BigInteger)
_reserved_after = STOCKS.c.reserved + bindparam("reserved_delta", type_=BigInteger)
_MOVE_COPIES: Final = Statement(
    update(STOCKS)
    .where(STOCKS.c.book_id == bindparam("book"), _reserved_after >= 0, _on_hand_after >= _reserved_after)
    .values(
        on_hand=_on_hand_after,
        reserved=_reserved_after,
        version=STOCKS.c.version + 1,
        update_time=bindparam("now"),
    )
    .returning(*_STOCK.columns),
    _STOCK,
)
_ADD_MOVEMENTS: Final = Statement(insert(MOVEMENTS), keys=tuple(column.name for column in MOVEMENTS.c))
_of_order = select(*_RESERVATION.columns).where(RESERVATIONS.c.id == bindparam("order_id"))
_LOCKED_RESERVATION: Final = Statement(_of_order.with_for_update(), _RESERVATION)
_CHANGE_RESERVATION: Final = Statement(
    update(RESERVATIONS).where(RESERVATIONS.c.id == bindparam("order_id")), keys=("state", "lines", "version")
)
_OVERDUE: Final = Statement(
    select(RESERVATIONS.c.id)
    .where(_active, RESERVATIONS.c.expire_time <= bindparam("now"))
    .order_by(RESERVATIONS.c.expire_time)
    .limit(bindparam("most")),
    str,
)


def find_stock(connection: Connection, book_id: str) -> Stock | None:
    """Returns the stock of a book."""
    return _BY_BOOK.first(connection, book=book_id)


def open_stock(tx: Connection, book_id: str, now: datetime) -> bool:
    """Opens an empty stock unless there is one; returns whether it did."""
    return insert_if_absent(
        tx, STOCKS, stock_row(Stock(book_id=book_id, on_hand=0, reserved=0, version=0, update_time=now))
    )


def move_copies(tx: Connection, move: Move, now: datetime) -> Stock | None:
    """Makes a move if the stock allows it, in one statement; None, with nothing done, if not or without a stock."""
    return _MOVE_COPIES.first(tx, book=move.book_id, on_hand_delta=move.on_hand, reserved_delta=move.reserved, now=now)


def add_movements(tx: Connection, movements: Sequence[Movement]) -> None:
    """Writes entries of the ledger, in one statement."""
    _ADD_MOVEMENTS.run_many(
        tx,
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


def lock_reservation(tx: Connection, order_id: str) -> Reservation | None:
    """Returns the reservation of an order, which no other transaction can change before this one ends."""
    return _LOCKED_RESERVATION.first(tx, order_id=order_id)


def add_reservation(tx: Connection, reservation: Reservation) -> bool:
    """Adds a reservation unless the order has one; returns whether it did."""
    return insert_if_absent(tx, RESERVATIONS, reservation_row(reservation))


def change_reservation(tx: Connection, reservation: Reservation) -> None:
    """Writes a reservation that was locked over its former self."""
    _CHANGE_RESERVATION.run(tx, order_id=reservation.id, **reservation_row(reservation))


def add_release(tx: Connection, order_id: str, request_id: str, now: datetime) -> bool:
    """Records the key of a return; returns whether it is new."""
    return insert_if_absent(tx, RELEASES, {"reservation_id": order_id, "request_id": request_id, "create_time": now})


def overdue_reservations(connection: Connection, now: datetime, *, most: int) -> list[str]:
    """Returns the orders of active reservations whose time is over, longest overdue first."""
    return _OVERDUE.all(connection, now=now, most=most)


def stock_row(stock: Stock) -> dict[str, Any]:
    """Returns the values of STOCKS' columns."""
    return _STOCK.values(stock)


def reservation_row(reservation: Reservation) -> dict[str, Any]:
    """Returns the values of RESERVATIONS' columns."""
    return _RESERVATION.values(reservation)
