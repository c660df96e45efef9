"""Between the messages of the contract and the values of the domain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from operator import sub
from typing import Any, Final

from bookstore.inventory.v1 import inventory_service_pb2 as contract
from bookstore.inventory.v1 import reservation_pb2, stock_pb2

from chassis.database import Columns, RowCodec
from chassis.kernel import Caller, etag
from chassis.requests import id_in
from services.inventory.stock import Adjustment, Cause, Reservation, State, Stock
from services.inventory.store import MOVEMENTS, RESERVATIONS, STOCKS, reservation_row, stock_row

_STATES: Final[Mapping[str, Any]] = {
    state: reservation_pb2.Reservation.State.Value(f"STATE_{state}") for state in State
}


def copies_of(lines: Iterable[reservation_pb2.ReservationLine]) -> Mapping[str, int]:
    """Copies by book id; lines of the same book add up."""
    copies: Counter[str] = Counter()
    for line in lines:
        copies[id_in("books", line.book, field="lines")] += line.quantity
    return dict(copies)


def adjustment_of(request: contract.AdjustStockRequest, caller: Caller) -> Adjustment:
    """The adjustment a member of staff asks for."""
    return Adjustment(
        book_id=id_in("stocks", request.name),
        delta=request.delta,
        cause=Cause(request.reason),
        user=caller.user,
        note=request.note,
    )


STOCK: Final = RowCodec(
    stock_pb2.Stock,
    STOCKS,
    name=Columns("book_id", read="stocks/{}".format),
    book=Columns("book_id", read="books/{}".format),
    available=Columns("on_hand", "reserved", read=sub),
    etag=Columns("version", read=etag),
)
"""Makes the contract's stock of a row, as staff see it."""
MOVEMENT: Final = RowCodec(
    stock_pb2.StockMovement,
    MOVEMENTS,
    name=Columns("book_id", "version", read="stocks/{}/movements/{}".format),
    reason=Columns("cause", read=str),
    order=Columns("order_id", read=lambda order_id: f"orders/{order_id}" if order_id else ""),
    user=Columns("user_name", read=lambda user: user or ""),
)
"""Makes an entry of the contract's ledger of a row."""
RESERVATION: Final = RowCodec(
    reservation_pb2.Reservation,
    RESERVATIONS,
    name=Columns("id", read="reservations/{}".format),
    order=Columns("id", read="orders/{}".format),
    state=Columns("state", read=_STATES.__getitem__),
    lines=Columns(
        "lines",
        read=lambda rows: [
            {"book": f"books/{book_id}", "quantity": quantity, "returned_quantity": returned}
            for book_id, quantity, returned in rows
        ],
    ),
)
"""Makes the contract's reservation of a row."""


def visible(stock: stock_pb2.Stock, caller: Caller) -> stock_pb2.Stock:
    """Returns the stock as the caller may see it: on_hand and reserved are for staff."""
    if not caller.is_staff:
        stock.ClearField("on_hand")
        stock.ClearField("reserved")
    return stock


def stock_message(stock: Stock, caller: Caller) -> stock_pb2.Stock:
    """Returns the stock as the caller may see it."""
    return visible(STOCK.of(stock_row(stock)), caller)


def reservation_message(reservation: Reservation) -> reservation_pb2.Reservation:
    """Returns the reservation as the contract has it."""
    return RESERVATION.of(reservation_row(reservation))
