"""The one door to on_hand and reserved: a move is a conditional statement and a row in the ledger, or neither."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from bookstore.inventory.v1.inventory_errors import OutOfStock
from sqlalchemy import Connection

from services.inventory import store
from services.inventory.stock import Move, Movement


def record(
    tx: Connection,
    moves: Sequence[Move],
    *,
    now: datetime,
    order_id: str | None = None,
    user: str | None = None,
    note: str = "",
) -> tuple[Movement, ...]:
    """Makes the moves, each of another book, and writes them down.

    Stocks are locked in the order of their books, whatever the order of the moves: two transactions that want the
    same two books never wait for each other in a ring. Raises OutOfStock for the first stock that has too few
    copies; the transaction must then be given up.
    """
    movements = []
    for move in sorted(moves, key=lambda one: one.book_id):
        stock = store.move_copies(tx, move, now)
        if stock is None:
            found = store.find_stock(tx, move.book_id)
            raise OutOfStock(book=f"books/{move.book_id}", asked=move.takes, available=found.available if found else 0)
        movements.append(Movement(move=move, stock=stock, order_id=order_id, user=user, note=note))
    store.add_movements(tx, movements)
    return tuple(movements)
