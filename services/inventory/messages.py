"""Between the messages of the contract and the values of the domain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from bookstore.inventory.v1 import inventory_service_pb2 as contract
from bookstore.inventory.v1 import reservation_pb2, stock_pb2

from chassis.kernel import Caller, etag
from chassis.requests import id_in
from chassis.wire import timestamp
from services.inventory.adjusting import Adjustment
from services.inventory.domain import Cause, Movement, Reservation, State, Stock

_STATES: Final = {state: reservation_pb2.Reservation.State.Value(f"STATE_{state}") for state in State}


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


def stock_message(stock: Stock, caller: Caller) -> stock_pb2.Stock:
    """The stock as the caller may see it: on_hand and reserved are for staff."""
    return stock_pb2.Stock(
        name=f"stocks/{stock.book_id}",
        book=f"books/{stock.book_id}",
        available=stock.available,
        on_hand=stock.on_hand if caller.is_staff else None,
        reserved=stock.reserved if caller.is_staff else None,
        update_time=timestamp(stock.update_time),
        etag=etag(stock.version),
    )


def movement_message(movement: Movement) -> stock_pb2.StockMovement:
    """An entry of the ledger."""
    move, stock = movement.move, movement.stock
    return stock_pb2.StockMovement(
        name=f"stocks/{stock.book_id}/movements/{stock.version}",
        reason=move.cause,
        on_hand_delta=move.on_hand,
        reserved_delta=move.reserved,
        on_hand=stock.on_hand,
        reserved=stock.reserved,
        order=f"orders/{movement.order_id}" if movement.order_id else "",
        user=movement.user or "",
        note=movement.note,
        create_time=timestamp(stock.update_time),
    )


def reservation_message(reservation: Reservation) -> reservation_pb2.Reservation:
    """The reservation as the contract has it."""
    return reservation_pb2.Reservation(
        name=reservation.name,
        order=f"orders/{reservation.id}",
        state=_STATES[reservation.state],
        lines=[
            reservation_pb2.ReservationLine(
                book=f"books/{line.book_id}", quantity=line.quantity, returned_quantity=line.returned
            )
            for line in reservation.lines
        ],
        expire_time=timestamp(reservation.expire_time) if reservation.expire_time else None,
        create_time=timestamp(reservation.create_time),
    )
