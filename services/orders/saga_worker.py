"""Who works on an order, and the only way the saga writes to it.

A claim is a fencing number and a time. Taking an order up raises the number; every write of the saga checks it in its
transaction. So a worker that was paused past its time finds its write refused, whatever it believes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from google.protobuf.message import Message
from sqlalchemy import Connection

from chassis.database import Database, notify_on_commit
from chassis.kernel import Clock
from chassis.outbox import Outbox
from services.orders import saga_store, store
from services.orders.order import Order, Work
from services.orders.saga_store import StepRecord


class ClaimLost(Exception):
    """Somebody else took the order up meanwhile; nothing was written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What a stage of the saga came to: how the order changes, what is told, and whether to go on at once."""

    change: Callable[[Order], Order]
    event: Callable[[Order], Message] | None = None
    closes_refunds: bool = False
    goes_on: bool = True


class OrderLeases:
    """The orders that somebody works on."""

    def __init__(self, database: Database, *, clock: Clock, outbox: Outbox, duration: timedelta) -> None:
        self._database = database
        self._clock = clock
        self._outbox = outbox
        self._duration = duration

    def find(self, order_id: str) -> Order | None:
        """The order as it is stored."""
        return self._database.read(lambda connection: store.find_order(connection, order_id))

    def take(self, order_id: str) -> Order | None:
        """OrderLeases the order; None when nothing is left to do, somebody is at it, or it is too early."""
        return self._database.transact(lambda tx: self._taken(tx, order_id))

    def take_next(self) -> Order | None:
        """OrderLeases the order that is due longest; None when there is none."""
        if self._database.read(lambda connection: saga_store.next_due(connection, self._clock.now())) is None:
            return None  # the usual case costs one read and no commit
        return self._database.transact(self._next_taken)

    def write(self, order: Order, decision: Decision, records: Sequence[StepRecord]) -> Order:
        """Writes a decision and the steps that led to it; answers the order as it is then. Raises ClaimLost."""
        return self._database.transact(lambda tx: self._written(tx, order, decision, records))

    def _written(self, tx: Connection, order: Order, decision: Decision, records: Sequence[StepRecord]) -> Order:
        before, after = order, decision.change(order)
        if not store.save_progress(tx, before, after):  # the order is not as the saga knows it
            current = store.find_order(tx, order.id)
            if current is None or current.progress.fence != order.progress.fence:
                raise ClaimLost(order.name)
            before, after = current, decision.change(current)  # it was shipped, for example: the claim still holds
            store.save_progress(tx, before, after)
        saga_store.add_steps(tx, before, records)
        if decision.closes_refunds:
            saga_store.close_refunds(tx, order.id)
        if decision.event is not None:
            self._outbox.append(tx, decision.event(after), aggregate=after.name, version=after.version)
        notify_on_commit(tx)
        return after

    def _next_taken(self, tx: Connection) -> Order | None:
        order_id = saga_store.next_due(tx, self._clock.now())
        return None if order_id is None else self._taken(tx, order_id)

    def _taken(self, tx: Connection, order_id: str) -> Order | None:
        before, now = store.find_order(tx, order_id), self._clock.now()
        if before is None or before.progress.work is Work.NONE:
            return None
        if before.progress.due is not None and before.progress.due > now:
            return None
        after = before.claim(now + self._duration)
        store.save_progress(tx, before, after)
        return after
