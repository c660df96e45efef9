"""An order as it changes, to its owner."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Final

from chassis.call import remaining
from chassis.database import Database
from chassis.kernel import Caller
from chassis.kernel.clock import monotonic
from services.orders import store
from services.orders.order import WATCHED_TO_THE_END, Order, order_name
from services.orders.refusals import OrderNotFound

_LOOK_AGAIN_SECONDS: Final = 1.0
"""Another process may have changed the order; this one only hears of its own commits."""
_LAST_WORDS_SECONDS: Final = 0.5
"""Kept back from the deadline to send the last message."""


class WatchOrder:
    """Tells of an order's changes as they are committed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._committed = threading.Condition()
        self._commits = 0
        database.on_commit(self._note_commit)

    def watch(self, order_id: str, caller: Caller, *, is_wanted: Callable[[], bool]) -> Iterator[tuple[Order, bool]]:
        """The order now and after each change, and whether nothing follows; until `is_wanted` says no.

        Raises OrderNotFound, to everyone but the owner.
        """
        left = remaining()
        deadline = monotonic() + left - _LAST_WORDS_SECONDS if left is not None else float("inf")
        seen = self._commits
        order = self._read(order_id, caller)
        while order.state not in WATCHED_TO_THE_END and monotonic() < deadline:
            yield order, False
            version = order.version
            while order.version == version and monotonic() < deadline:
                seen = self._wait(seen, deadline)
                if not is_wanted():
                    return
                if self._version(order_id) != version:
                    order = self._read(order_id, caller)
        yield order, True

    def _read(self, order_id: str, caller: Caller) -> Order:
        order = self._database.read(lambda connection: store.find_order(connection, order_id))
        if order is None or not caller.owns(order.user):
            raise OrderNotFound(order_name(order_id))
        return order

    def _version(self, order_id: str) -> int | None:
        return self._database.read(lambda connection: store.find_version(connection, order_id))

    def _wait(self, seen: int, deadline: float) -> int:
        with self._committed:
            pause = min(_LOOK_AGAIN_SECONDS, max(0.0, deadline - monotonic()))
            self._committed.wait_for(lambda: self._commits != seen, pause)
            return self._commits

    def _note_commit(self) -> None:
        with self._committed:
            self._commits += 1
            self._committed.notify_all()
