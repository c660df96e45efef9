"""The health of all services."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Executor
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import Final

from bookstore.ops.v1.status_pb2 import ServiceStatus, Status

from chassis.health import Health
from chassis.kernel import Clock, ServiceError
from chassis.wire import timestamp
from services.storefront.availability import REQUIRED, State, service_state, shop_state
from services.storefront.remotes import HealthChecks

_FRESH: Final = timedelta(seconds=1)


class ShopStatus:
    """Asks every service at once and keeps the answer for a second, so that callers cannot make it ask more often."""

    def __init__(self, services: Sequence[str], *, health: HealthChecks, executor: Executor, clock: Clock) -> None:
        self._services = sorted(services)
        self._health = health
        self._executor = executor
        self._clock = clock
        self._lock = threading.Lock()
        self._status = Status()
        self._asked: datetime | None = None

    def status(self) -> Status:
        """Health of each service and of the shop."""
        with self._lock:
            now = self._clock.now()
            if self._asked is None or now - self._asked >= _FRESH:
                self._status, self._asked = self._gathered(now), now
            return self._status

    def _gathered(self, now: datetime) -> Status:
        asked = [self._executor.submit(copy_context().run, self._one, service) for service in self._services]
        checked = dict(zip(self._services, [answer.result() for answer in asked], strict=True))
        return Status(
            state=_wire(shop_state({name: state for name, (state, _) in checked.items()})),
            services=[
                ServiceStatus(
                    name=name,
                    state=_wire(state),
                    version=health.version,
                    required=name in REQUIRED,
                    unavailable=health.unavailable,
                )
                for name, (state, health) in checked.items()
            ],
            check_time=timestamp(now),
        )

    def _one(self, service: str) -> tuple[State, Health]:
        try:
            health = self._health.check(service)
        except ServiceError:
            return State.UNKNOWN, Health(serving=False, version="")
        return service_state(serving=health.serving, unavailable=health.unavailable), health


def _wire(state: State) -> Status.State.ValueType:
    return Status.State.Value(f"STATE_{state.value}")
