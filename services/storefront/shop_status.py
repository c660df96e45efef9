"""The health of all services."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import Executor
from contextvars import copy_context
from datetime import datetime, timedelta
from typing import Final

from bookstore.ops.v1.status_pb2 import ServiceStatus, Status

from chassis.kernel import Clock, ServiceError
from chassis.wire import timestamp
from services.storefront.clients import Health

_FRESH: Final = timedelta(seconds=1)


class ShopStatus:
    """Asks every service at once and keeps the answer for a second, so that callers cannot make it ask more often."""

    def __init__(self, services: Sequence[str], *, health: Health, executor: Executor, clock: Clock) -> None:
        self._services = sorted(services)
        self._health = health
        self._executor = executor
        self._clock = clock
        self._lock = threading.Lock()
        self._status = Status()
        self._asked: datetime | None = None

    def status(self) -> Status:
        """Health of each service and of the whole."""
        with self._lock:
            now = self._clock.now()
            if self._asked is None or now - self._asked >= _FRESH:
                self._status, self._asked = self._gathered(now), now
            return self._status

    def _gathered(self, now: datetime) -> Status:
        asked = [self._executor.submit(copy_context().run, self._one, service) for service in self._services]
        services = [answer.result() for answer in asked]
        serving = all(service.state == Status.STATE_SERVING for service in services)
        return Status(
            state=Status.STATE_SERVING if serving else Status.STATE_NOT_SERVING,
            services=services,
            check_time=timestamp(now),
        )

    def _one(self, service: str) -> ServiceStatus:
        try:
            serving, version = self._health.check(service)
        except ServiceError:
            return ServiceStatus(name=service, state=Status.STATE_UNKNOWN)
        state = Status.STATE_SERVING if serving else Status.STATE_NOT_SERVING
        return ServiceStatus(name=service, state=state, version=version)
