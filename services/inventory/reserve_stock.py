"""Orders set copies aside, take them out of the house, or give them back.

Each command is one transaction, its event included. A reservation is locked
before its stocks, and those in the order of their books.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from bookstore.inventory.v1 import reservation_pb2
from bookstore.inventory.v1.inventory_errors import OutOfStock, ReservationExpired, ReservationNotFound
from sqlalchemy import Connection

from chassis.database import Database
from chassis.idempotency import IdempotencyStore
from chassis.kernel import Clock
from chassis.outbox import Outbox
from services.inventory import stock_ledger, store
from services.inventory.convert import reservation_message
from services.inventory.events import reservation_changed
from services.inventory.stock import Change, Reservation, State, promise, refusal_to_come


class ReserveStock:
    """The life of a reservation; an unconfirmed one lasts `time_to_live`."""

    def __init__(
        self, *, database: Database, answers: IdempotencyStore, clock: Clock, outbox: Outbox, time_to_live: timedelta
    ) -> None:
        self._database = database
        self._answers = answers
        self._clock = clock
        self._outbox = outbox
        self._time_to_live = time_to_live

    def reserve(self, order_id: str, copies: Mapping[str, int]) -> reservation_pb2.Reservation:
        """Sets copies by book aside, all or none; a repeat answers the reservation as it is now.

        Raises OutOfStock, ReservationReleased and ReservationMismatch.
        """
        return self._answers.transact(lambda tx: reservation_message(self._reserved(tx, order_id, copies)))

    def commit(self, order_id: str) -> reservation_pb2.Reservation:
        """Takes the copies out of the warehouse, those of an expired reservation if they are still there.

        Raises ReservationNotFound, ReservationReleased and ReservationExpired.
        """
        return self._answers.transact(lambda tx: reservation_message(self._committed(tx, order_id)))

    def release(self, order_id: str, copies: Mapping[str, int], *, request_id: str) -> reservation_pb2.Reservation:
        """Ends the promise, or brings copies by book back (all that are out, when empty), once per `request_id`.

        For an order without a reservation a released one is kept. Raises ReturnExceedsReservation.
        """
        return self._answers.transact(lambda tx: reservation_message(self._released(tx, order_id, copies, request_id)))

    def expire(self, order_id: str, *, now: datetime) -> None:
        """Ends the promise if its time is over `now`. Raises ReservationNotFound."""
        self._database.transact(lambda tx: self._write(tx, self._found(tx, order_id).expire(now), now))

    def _reserved(self, tx: Connection, order_id: str, copies: Mapping[str, int]) -> Reservation:
        now = self._clock.now()
        change = promise(order_id, copies, now=now, time_to_live=self._time_to_live)
        if not store.add_reservation(tx, change.reservation):
            return self._found(tx, order_id).repeat(copies)
        self._make(tx, change, now)
        return change.reservation

    def _committed(self, tx: Connection, order_id: str) -> Reservation:
        before = self._found(tx, order_id)
        change = before.commit()
        try:
            return self._write(tx, change, self._clock.now())
        except OutOfStock as error:
            raise ReservationExpired(reservation=before.name) from error

    def _released(self, tx: Connection, order_id: str, copies: Mapping[str, int], request_id: str) -> Reservation:
        now = self._clock.now()
        before = store.lock_reservation(tx, order_id)
        if before is None:
            tombstone = refusal_to_come(order_id, now=now)
            store.add_reservation(tx, tombstone)
            return tombstone
        if before.state is State.COMMITTED and not store.add_release(tx, order_id, request_id, now):
            return before
        return self._write(tx, before.release(copies), now)

    def _found(self, tx: Connection, order_id: str) -> Reservation:
        reservation = store.lock_reservation(tx, order_id)
        if reservation is None:
            raise ReservationNotFound(reservation=f"reservations/{order_id}")
        return reservation

    def _write(self, tx: Connection, change: Change, now: datetime) -> Reservation:
        if change.moves:
            self._make(tx, change, now)
            store.change_reservation(tx, change.reservation)
        return change.reservation

    def _make(self, tx: Connection, change: Change, now: datetime) -> None:
        reservation = change.reservation
        stock_ledger.record(tx, change.moves, now=now, order_id=reservation.id)
        event = reservation_changed(change, now)
        self._outbox.append(tx, event, aggregate=reservation.name, version=reservation.version)
