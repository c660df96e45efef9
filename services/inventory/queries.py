"""Reads of stocks, of the ledger and of reservations, from rows straight to messages."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from bookstore.inventory.v1 import reservation_pb2, stock_pb2
from bookstore.inventory.v1.inventory_errors import ReservationNotFound, StockNotFound
from sqlalchemy import ColumnElement, bindparam, select

from chassis.database import Database, Statement
from chassis.database.listing import Listing
from chassis.filtering import EQUAL, RANGE, FilterField, choice_field, id_field, moment_field, number_field
from chassis.kernel import Caller
from chassis.paging import Page, PageRequest
from services.inventory.convert import MOVEMENT, RESERVATION, STOCK, visible
from services.inventory.stock import Cause
from services.inventory.store import AVAILABLE, MOVEMENTS, RESERVATIONS, STOCKS


def _copies(column: ColumnElement[Any]) -> FilterField:
    return number_field(column, operators=RANGE | EQUAL)


_STOCK: Final = Statement(select(*STOCK.columns).where(STOCKS.c.book_id == bindparam("book")), STOCK)
_RESERVATION: Final = Statement(
    select(*RESERVATION.columns).where(RESERVATIONS.c.id == bindparam("order_id")), RESERVATION
)
_STOCKS: Final = Listing(
    STOCK,
    key=STOCKS.c.book_id,
    sortable={
        "name": STOCKS.c.book_id,
        "available": AVAILABLE,
        "on_hand": STOCKS.c.on_hand,
        "reserved": STOCKS.c.reserved,
        "update_time": STOCKS.c.update_time,
    },
    default="name",
    filterable={
        "available": _copies(AVAILABLE),
        "on_hand": _copies(STOCKS.c.on_hand),
        "reserved": _copies(STOCKS.c.reserved),
    },
)
_MOVEMENTS: Final = Listing(
    MOVEMENT,
    key=MOVEMENTS.c.version,
    sortable={"version": MOVEMENTS.c.version},
    default="version desc",
    filterable={
        "reason": choice_field(MOVEMENTS.c.cause, {cause.value: cause.value for cause in Cause}, operators=EQUAL),
        "order": id_field(MOVEMENTS.c.order_id, "orders"),
        "create_time": moment_field(MOVEMENTS.c.create_time, operators=RANGE),
    },
    conditions={"book": MOVEMENTS.c.book_id == bindparam("book")},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class StockQuery:
    """Which stocks to list, in which order; see ListStocksRequest."""

    filter: str = ""
    order_by: str = ""


class InventoryQueries:
    """Reads what inventory keeps; a method is one statement, unless it finds nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stock(self, book_id: str, caller: Caller) -> stock_pb2.Stock:
        """Returns the stock of a book as the caller may see it. Raises StockNotFound."""
        stock = self._database.read(lambda connection: _STOCK.first(connection, book=book_id))
        if stock is None:
            raise StockNotFound(stock=f"stocks/{book_id}")
        return visible(stock, caller)

    def stocks(self, query: StockQuery, page: PageRequest, caller: Caller) -> Page[stock_pb2.Stock]:
        """Returns a page of stocks. Raises FilterInvalid and PageTokenInvalid."""
        found = self._database.read(
            lambda connection: _STOCKS.page(connection, page, filter_text=query.filter, order_by=query.order_by)
        )
        return found.map(lambda stock: visible(stock, caller))

    def movements(self, book_id: str, filter_text: str, page: PageRequest) -> Page[stock_pb2.StockMovement]:
        """Returns a page of a stock's movements, latest first.

        Raises StockNotFound, FilterInvalid and PageTokenInvalid.
        """
        found = self._database.read(
            lambda connection: _MOVEMENTS.page(connection, page, filter_text=filter_text, book=book_id)
        )
        if not found.items and self._database.read(lambda connection: _STOCK.first(connection, book=book_id)) is None:
            raise StockNotFound(stock=f"stocks/{book_id}")
        return found

    def reservation(self, order_id: str) -> reservation_pb2.Reservation:
        """Returns the reservation of an order. Raises ReservationNotFound."""
        reservation = self._database.read(lambda connection: _RESERVATION.first(connection, order_id=order_id))
        if reservation is None:
            raise ReservationNotFound(reservation=f"reservations/{order_id}")
        return reservation
