"""What inventory tells the others: ids, copies, versions and moments, as event messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from bookstore.inventory.v1.inventory_events_pb2 import (
    ReservationCommitted,
    ReservationExpired,
    ReservationReleased,
    ReservedCopies,
    StockAdjusted,
    StockReserved,
)

from chassis.wire import timestamp
from services.inventory.stock import Cause, Change, Move, Movement

ReservationEvent = StockReserved | ReservationCommitted | ReservationReleased | ReservationExpired

_EVENT_OF: Final[Mapping[Cause, type[ReservationEvent]]] = {
    Cause.RESERVED: StockReserved,
    Cause.SOLD: ReservationCommitted,
    Cause.RELEASED: ReservationReleased,
    Cause.RETURNED: ReservationReleased,
    Cause.EXPIRED: ReservationExpired,
}


def stock_adjusted(movement: Movement) -> StockAdjusted:
    """Staff added copies or took some off."""
    stock = movement.stock
    return StockAdjusted(
        stock=f"stocks/{stock.book_id}",
        book=f"books/{stock.book_id}",
        delta=movement.move.on_hand,
        reason=movement.move.cause,
        available=stock.available,
        version=stock.version,
        event_time=timestamp(stock.update_time),
    )


def reservation_changed(change: Change, now: datetime) -> ReservationEvent:
    """What the moves of a change, at least one and all of one cause, mean for its reservation."""
    reservation = change.reservation
    return _EVENT_OF[change.moves[0].cause](
        reservation=reservation.name,
        order=f"orders/{reservation.id}",
        lines=_copies(change.moves),
        version=reservation.version,
        event_time=timestamp(now),
    )


def _copies(moves: Sequence[Move]) -> list[ReservedCopies]:
    return [ReservedCopies(book=f"books/{move.book_id}", quantity=abs(move.on_hand or move.reserved)) for move in moves]
