"""What operators watch: how checkouts end, and how long unfinished work has been waiting."""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from chassis.database import Database
from chassis.kernel import Clock
from services.orders import saga_store
from services.orders.order import Order

_meter = metrics.get_meter("bookstore.orders")


class Metrics:
    """The instruments of orders."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._outcomes = _meter.create_counter(
            "bookstore.orders.outcomes", unit="{order}", description="Orders by the state the saga took them to"
        )
        _meter.create_observable_gauge(
            "bookstore.orders.oldest_unfinished",
            callbacks=[self._oldest_unfinished],
            unit="s",
            description="Time since the last change of the order whose saga has been unfinished longest",
        )

    def moved(self, before: Order, after: Order) -> None:
        """Counts an order that came to another state."""
        if after.state is not before.state:
            self._outcomes.add(1, {"state": after.state, "reason": after.reject_reason})

    def _oldest_unfinished(self, _: CallbackOptions) -> Iterable[Observation]:
        since = self._database.read(saga_store.oldest_unfinished)
        waited = 0.0 if since is None else max(0.0, (self._clock.now() - since).total_seconds())
        return [Observation(waited)]
