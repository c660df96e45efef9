"""Staff add copies to a stock and take copies off."""

from __future__ import annotations

from bookstore.inventory.v1 import stock_pb2
from bookstore.inventory.v1.inventory_errors import OutOfStock, StockInsufficient
from sqlalchemy import Connection

from chassis.database import Database
from chassis.errors import FieldInvalid
from chassis.idempotency import IdempotencyStore
from chassis.kernel import Caller, Clock
from chassis.outbox import Outbox
from services.inventory import stock_ledger, store
from services.inventory.convert import stock_message
from services.inventory.events import stock_adjusted
from services.inventory.remotes import Books
from services.inventory.stock import LARGEST_STOCK, Adjustment, Move, Stock


class AdjustStock:
    """Corrects stocks and opens them."""

    def __init__(
        self, *, database: Database, answers: IdempotencyStore, books: Books, clock: Clock, outbox: Outbox
    ) -> None:
        self._database = database
        self._answers = answers
        self._books = books
        self._clock = clock
        self._outbox = outbox

    def adjust(self, adjustment: Adjustment, caller: Caller) -> stock_pb2.Stock:
        """Makes the adjustment; the first of a book opens its stock.

        Raises BookNotFound and BookIsDigital for a book without stock, StockInsufficient when copies promised to
        orders would go, FieldInvalid when the stock would get larger than 1,000,000,000 copies.
        """
        if self._database.read(lambda connection: store.find_stock(connection, adjustment.book_id)) is None:
            self._books.require_printed(adjustment.book_id)
        return self._answers.transact(lambda tx: stock_message(self._adjusted(tx, adjustment), caller))

    def _adjusted(self, tx: Connection, adjustment: Adjustment) -> Stock:
        now = self._clock.now()
        store.open_stock(tx, adjustment.book_id, now)
        move = Move(book_id=adjustment.book_id, cause=adjustment.cause, on_hand=adjustment.delta)
        try:
            (movement,) = stock_ledger.record(tx, [move], now=now, user=adjustment.user, note=adjustment.note)
        except OutOfStock as error:
            raise StockInsufficient(available=error.metadata["available"], delta=adjustment.delta) from error
        stock = movement.stock
        if adjustment.delta > 0 and stock.on_hand > LARGEST_STOCK:
            raise FieldInvalid([("delta", f"a stock holds at most {LARGEST_STOCK:,} copies")])
        self._outbox.append(
            tx, stock_adjusted(movement), aggregate=f"stocks/{adjustment.book_id}", version=stock.version
        )
        return stock
