"""Orders set copies aside, take them out of the house, or give them back.

Every use case runs in the transaction it is given, and its event leaves in the same one. A reservation is locked
before its stocks, and those in the order of their books.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection

from chassis.kernel import Clock
from chassis.outbox import Outbox
from services.inventory import ledger, storage
from services.inventory.domain import Change, Reservation, State, promise, refusal_to_come
from services.inventory.events import reservation_changed
from services.inventory.refusals import OutOfStock, ReservationExpired, ReservationNotFound


class Reserving:
    """The life of a reservation; an unconfirmed one lasts `time_to_live`."""

    def __init__(self, *, clock: Clock, outbox: Outbox, time_to_live: timedelta) -> None:
        self._clock = clock
        self._outbox = outbox
        self._time_to_live = time_to_live

    def reserve(self, tx: Connection, order_id: str, copies: Mapping[str, int]) -> Reservation:
        """Sets copies by book aside, all or none; a repeat answers the reservation as it is now.

        Raises OutOfStock, ReservationReleased and ReservationMismatch.
        """
        now = self._clock.now()
        change = promise(order_id, copies, now=now, time_to_live=self._time_to_live)
        if not storage.add_reservation(tx, change.reservation):
            return self._found(tx, order_id).repeat(copies)
        self._make(tx, change, now)
        return change.reservation

    def commit(self, tx: Connection, order_id: str) -> Reservation:
        """Takes the copies out of the house, those of an expired reservation if they are still there.

        Raises ReservationNotFound, ReservationReleased and ReservationExpired.
        """
        before = self._found(tx, order_id)
        change = before.commit()
        try:
            return self._write(tx, change, self._clock.now())
        except OutOfStock as error:
            raise ReservationExpired(before.name) from error

    def release(self, tx: Connection, order_id: str, copies: Mapping[str, int], *, request_id: str) -> Reservation:
        """Ends the promise, or brings copies by book back (all that are out, when empty), once per `request_id`.

        For an order without a reservation a released one is kept. Raises ReturnExceedsReservation.
        """
        now = self._clock.now()
        before = storage.lock_reservation(tx, order_id)
        if before is None:
            tombstone = refusal_to_come(order_id, now=now)
            storage.add_reservation(tx, tombstone)
            return tombstone
        if before.state is State.COMMITTED and not storage.add_release(tx, order_id, request_id, now):
            return before
        return self._write(tx, before.release(copies), now)

    def expire(self, tx: Connection, order_id: str, *, now: datetime) -> Reservation:
        """Ends the promise if its time is over `now`. Raises ReservationNotFound."""
        return self._write(tx, self._found(tx, order_id).expire(now), now)

    def _found(self, tx: Connection, order_id: str) -> Reservation:
        reservation = storage.lock_reservation(tx, order_id)
        if reservation is None:
            raise ReservationNotFound(f"reservations/{order_id}")
        return reservation

    def _write(self, tx: Connection, change: Change, now: datetime) -> Reservation:
        if change.moves:
            self._make(tx, change, now)
            storage.change_reservation(tx, change.reservation)
        return change.reservation

    def _make(self, tx: Connection, change: Change, now: datetime) -> None:
        reservation = change.reservation
        ledger.record(tx, change.moves, now=now, order_id=reservation.id)
        event = reservation_changed(change, now)
        self._outbox.append(tx, event, aggregate=reservation.name, version=reservation.version)
