"""Expires reservations that were never committed."""

from __future__ import annotations

from typing import Final

from chassis.database import Database
from chassis.kernel import Clock
from services.inventory import store
from services.inventory.reserve_stock import ReserveStock

_BATCH: Final = 200


class ExpireReservations:
    """Ends overdue reservations, each in a transaction of its own, which looks again before it acts.

    Several processes may sweep at once; each reservation expires once.
    """

    def __init__(self, *, database: Database, reserve_stock: ReserveStock, clock: Clock) -> None:
        self._database = database
        self._reserve_stock = reserve_stock
        self._clock = clock

    def sweep(self) -> None:
        """Ends all reservations whose time is over now."""
        now = self._clock.now()
        while overdue := self._database.read(lambda c: store.overdue_reservations(c, now, most=_BATCH)):
            for order_id in overdue:
                self._reserve_stock.expire(order_id, now=now)
