"""Everybody reads stocks, staff the ledger, orders their reservations."""

from __future__ import annotations

from dataclasses import dataclass

from chassis.database import Database
from chassis.filtering import parse_filter, parse_order_by
from chassis.paging import OrderKey, Page, PageRequest, paginate
from services.inventory import storage
from services.inventory.domain import Movement, Reservation, Stock
from services.inventory.refusals import ReservationNotFound, StockNotFound
from services.inventory.search_terms import MOVEMENT_FIELDS, STOCK_FIELDS, STOCK_ORDER

_LATEST_FIRST = (OrderKey(column=storage.MOVEMENTS.c.version, descending=True),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which stocks to list and in which order; see ListStocksRequest for the two texts."""

    filter: str = ""
    order_by: str = ""


class Reading:
    """Reads what inventory keeps; a method is one statement, unless it finds nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stock(self, book_id: str) -> Stock:
        """The stock of a book. Raises StockNotFound."""
        stock = self._database.read(lambda connection: storage.find_stock(connection, book_id))
        if stock is None:
            raise StockNotFound(book_id)
        return stock

    def stocks(self, wanted: Wanted, request: PageRequest) -> Page[Stock]:
        """A page of stocks. Raises FilterInvalid and PageTokenInvalid."""
        statement = storage.SELECT_STOCKS.where(*parse_filter(wanted.filter, STOCK_FIELDS))
        order = parse_order_by(wanted.order_by, STOCK_ORDER, default="name", key=storage.STOCKS.c.book_id)
        page = self._database.read(lambda connection: paginate(connection, statement, order, request))
        return page.map(storage.stock_of)

    def movements(self, book_id: str, filter_text: str, request: PageRequest) -> Page[Movement]:
        """A page of a stock's movements, latest first. Raises StockNotFound, FilterInvalid and PageTokenInvalid."""
        statement = storage.SELECT_MOVEMENTS.where(
            storage.MOVEMENTS.c.book_id == book_id, *parse_filter(filter_text, MOVEMENT_FIELDS)
        )
        page = self._database.read(lambda connection: paginate(connection, statement, _LATEST_FIRST, request))
        if not page.items:
            self.stock(book_id)
        return page.map(storage.movement_of)

    def reservation(self, order_id: str) -> Reservation:
        """The reservation of an order. Raises ReservationNotFound."""
        reservation = self._database.read(lambda connection: storage.find_reservation(connection, order_id))
        if reservation is None:
            raise ReservationNotFound(f"reservations/{order_id}")
        return reservation
