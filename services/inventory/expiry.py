"""Promises that nobody kept come to an end."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from chassis.database import Database
from chassis.kernel import Clock
from services.inventory import storage
from services.inventory.reserving import Reserving

_BATCH: Final = 200


class Expiry:
    """Ends overdue reservations, each in a transaction of its own, which looks again before it acts.

    Several processes may sweep at once; each reservation expires once.
    """

    def __init__(self, *, database: Database, reserving: Reserving, clock: Clock) -> None:
        self._database = database
        self._reserving = reserving
        self._clock = clock

    def sweep(self) -> None:
        """Ends all reservations whose time is over now."""
        now = self._clock.now()
        while overdue := self._database.read(lambda c: storage.overdue_reservations(c, now, most=_BATCH)):
            for order_id in overdue:
                self._expire(order_id, now)

    def _expire(self, order_id: str, now: datetime) -> None:
        self._database.transact(lambda tx: self._reserving.expire(tx, order_id, now=now))
