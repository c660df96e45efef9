"""Guests' carts that nobody came back for are thrown away."""

from __future__ import annotations

from chassis.database import Database
from chassis.kernel import Clock
from services.carts import store


class ExpireCarts:
    """Deletes expired carts; answering does not wait for it, since an expired cart is not found anyway."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def run(self) -> None:
        """Deletes all that have expired, batch by batch."""
        while self._database.transact(lambda tx: store.delete_expired(tx, self._clock.now())):
            continue
