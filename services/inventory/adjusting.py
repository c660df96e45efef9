"""Staff add copies to a stock and take copies off."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection

from chassis.database import Database
from chassis.errors import FieldInvalid
from chassis.kernel import Clock
from chassis.outbox import Outbox
from services.inventory import ledger, storage
from services.inventory.clients import Books
from services.inventory.domain import LARGEST_STOCK, Cause, Move, Stock
from services.inventory.events import stock_adjusted
from services.inventory.refusals import OutOfStock, StockInsufficient


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """Copies to add to the stock of a book, negative to take off; why, by whom, and what they say of it."""

    book_id: str
    delta: int
    cause: Cause
    user: str | None = None
    note: str = ""


class Adjusting:
    """Corrects stocks and opens them."""

    def __init__(self, *, database: Database, books: Books, clock: Clock, outbox: Outbox) -> None:
        self._database = database
        self._books = books
        self._clock = clock
        self._outbox = outbox

    def require_adjustable(self, book_id: str) -> None:
        """Asks for the book unless its stock is open; belongs before the transaction.

        Raises BookNotFound and BookIsDigital.
        """
        if self._database.read(lambda connection: storage.find_stock(connection, book_id)) is None:
            self._books.require_printed(book_id)

    def adjust(self, tx: Connection, adjustment: Adjustment) -> Stock:
        """Makes the adjustment; the first of a book opens its stock.

        Raises StockInsufficient when copies promised to orders would go, FieldInvalid when the stock would get
        larger than 1,000,000,000 copies.
        """
        now = self._clock.now()
        storage.open_stock(tx, adjustment.book_id, now)
        move = Move(book_id=adjustment.book_id, cause=adjustment.cause, on_hand=adjustment.delta)
        try:
            (movement,) = ledger.record(tx, [move], now=now, user=adjustment.user, note=adjustment.note)
        except OutOfStock as error:
            raise StockInsufficient(available=error.available, delta=adjustment.delta) from error
        stock = movement.stock
        if adjustment.delta > 0 and stock.on_hand > LARGEST_STOCK:
            raise FieldInvalid([("delta", f"a stock holds at most {LARGEST_STOCK:,} copies")])
        self._outbox.append(
            tx, stock_adjusted(movement), aggregate=f"stocks/{adjustment.book_id}", version=stock.version
        )
        return stock
