"""Stocks, the moves that change them, and the life of a reservation.

Ids here are the last segment of a resource name: a stock has the id of its book, a reservation that of its order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from bookstore.inventory.v1.inventory_errors import ReservationMismatch, ReservationReleased, ReturnExceedsReservation

LARGEST_STOCK: Final = 1_000_000_000
"""Copies of one book that staff can take in; leaves room for returns within the contract's 32 bits."""


class Cause(StrEnum):
    """What moved copies."""

    RECEIVED = "RECEIVED"
    RETURNED = "RETURNED"
    DAMAGED = "DAMAGED"
    CORRECTION = "CORRECTION"
    RESERVED = "RESERVED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"
    SOLD = "SOLD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stock:
    """The copies of one printed book. `version` counts its movements."""

    book_id: str
    on_hand: int
    reserved: int
    update_time: datetime
    version: int

    @property
    def available(self) -> int:
        """Copies that can be sold now."""
        return self.on_hand - self.reserved


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A change of one stock: what is added to on_hand and to reserved, in copies, signed."""

    book_id: str
    cause: Cause
    on_hand: int = 0
    reserved: int = 0

    @property
    def takes(self) -> int:
        """Available copies the move uses up; negative when it makes some available."""
        return self.reserved - self.on_hand


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """A move that was made: an entry of the ledger, with the stock it left. At most one of order and user is there."""

    move: Move
    stock: Stock
    order_id: str | None = None
    user: str | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """Copies to add to the stock of a book, negative to take off; why, by whom, and what they say of it."""

    book_id: str
    delta: int
    cause: Cause
    user: str | None = None
    note: str = ""


class State(StrEnum):
    """What became of a reservation."""

    ACTIVE = "ACTIVE"
    COMMITTED = "COMMITTED"
    RELEASED = "RELEASED"
    EXPIRED = "EXPIRED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Copies of one book in a reservation, and how many of them came back after they had left the house."""

    book_id: str
    quantity: int
    returned: int = 0

    @property
    def out(self) -> int:
        """Copies that have not come back."""
        return self.quantity - self.returned


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    """The copies promised to one order, a line a book, sorted by book.

    `expire_time` is None when nothing was ever promised. `version` counts its changes from 1.
    """

    id: str
    state: State
    lines: tuple[Line, ...]
    create_time: datetime
    expire_time: datetime | None
    version: int = 1

    @property
    def name(self) -> str:
        """Resource name, `reservations/{id}`."""
        return f"reservations/{self.id}"

    @property
    def copies(self) -> Mapping[str, int]:
        """What was promised: copies by book."""
        return {line.book_id: line.quantity for line in self.lines}

    def repeat(self, copies: Mapping[str, int]) -> Reservation:
        """Answers a second request of the same order: itself.

        Raises ReservationReleased when the release came first, ReservationMismatch when other lines were asked for.
        """
        if not self.lines:
            raise ReservationReleased(reservation=self.name)
        if copies != self.copies:
            raise ReservationMismatch(reservation=self.name)
        return self

    def commit(self) -> Change:
        """The copies leave the house; those of an expired promise are taken from what is available.

        Raises ReservationReleased.
        """
        match self.state:
            case State.COMMITTED:
                return Change(reservation=self)
            case State.RELEASED:
                raise ReservationReleased(reservation=self.name)
            case State.ACTIVE | State.EXPIRED:
                promised = self.state is State.ACTIVE
                moves = tuple(
                    Move(
                        book_id=line.book_id,
                        cause=Cause.SOLD,
                        on_hand=-line.quantity,
                        reserved=-line.quantity if promised else 0,
                    )
                    for line in self.lines
                )
                return Change(reservation=self._changed(State.COMMITTED), moves=moves)

    def release(self, copies: Mapping[str, int]) -> Change:
        """Ends the promise, or brings `copies` back (all that are out, when empty) after they had left the house.

        Raises ReturnExceedsReservation.
        """
        match self.state:
            case State.RELEASED | State.EXPIRED:
                return Change(reservation=self)
            case State.ACTIVE:
                return self._given_back(State.RELEASED, Cause.RELEASED)
            case State.COMMITTED:
                return self._returned(copies or {line.book_id: line.out for line in self.lines})

    def expire(self, now: datetime) -> Change:
        """Ends the promise when its time is over; else nothing changes."""
        if self.state is not State.ACTIVE or self.expire_time is None or now < self.expire_time:
            return Change(reservation=self)
        return self._given_back(State.EXPIRED, Cause.EXPIRED)

    def _given_back(self, state: State, cause: Cause) -> Change:
        moves = tuple(Move(book_id=line.book_id, cause=cause, reserved=-line.quantity) for line in self.lines)
        return Change(reservation=self._changed(state), moves=moves)

    def _returned(self, copies: Mapping[str, int]) -> Change:
        out = {line.book_id: line.out for line in self.lines}
        for book_id, quantity in copies.items():
            if quantity > out.get(book_id, 0):
                raise ReturnExceedsReservation(book=f"books/{book_id}")
        lines = tuple(replace(line, returned=line.returned + copies.get(line.book_id, 0)) for line in self.lines)
        state = State.COMMITTED if any(line.out for line in lines) else State.RELEASED
        moves = tuple(
            Move(book_id=line.book_id, cause=Cause.RETURNED, on_hand=copies[line.book_id])
            for line in self.lines
            if copies.get(line.book_id)
        )
        return Change(reservation=replace(self._changed(state), lines=lines), moves=moves)

    def _changed(self, state: State) -> Reservation:
        return replace(self, state=state, version=self.version + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A reservation as it becomes and the moves that make it so; no moves: nothing changes."""

    reservation: Reservation
    moves: tuple[Move, ...] = ()


def promise(order_id: str, copies: Mapping[str, int], *, now: datetime, time_to_live: timedelta) -> Change:
    """Sets copies by book aside for an order until `now` plus `time_to_live`."""
    books = sorted(copies)
    return Change(
        reservation=Reservation(
            id=order_id,
            state=State.ACTIVE,
            lines=tuple(Line(book_id=book_id, quantity=copies[book_id]) for book_id in books),
            create_time=now,
            expire_time=now + time_to_live,
        ),
        moves=tuple(Move(book_id=book_id, cause=Cause.RESERVED, reserved=copies[book_id]) for book_id in books),
    )


def refusal_to_come(order_id: str, *, now: datetime) -> Reservation:
    """What is kept of a release that came before its reservation, so that the late one reserves nothing."""
    return Reservation(id=order_id, state=State.RELEASED, lines=(), create_time=now, expire_time=None)
