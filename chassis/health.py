"""Health of a process: grpc.health.v1, with the version and what cannot be reached as initial metadata of `Check`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import grpc
from grpc_health.v1 import health, health_pb2

_VERSION_KEY: Final = "x-bookstore-version"
_UNAVAILABLE_KEY: Final = "x-bookstore-unavailable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """Something outside the shop's services that a service needs for a part of its work.

    `name` is for people, in ASCII and without commas. `is_available` is asked at every health check: it has to return
    at once what is known.
    """

    name: str
    is_available: Callable[[], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a process reports of itself. `unavailable` names the dependencies that it cannot reach."""

    serving: bool
    version: str
    unavailable: tuple[str, ...] = ()


def read_health(response: health_pb2.HealthCheckResponse, metadata: Iterable[tuple[str, str | bytes]]) -> Health:
    """Health from the response to `Check` and its initial metadata."""
    reported = {str(key): str(value) for key, value in metadata}
    return Health(
        serving=response.status == health_pb2.HealthCheckResponse.SERVING,
        version=reported.get(_VERSION_KEY, ""),
        unavailable=tuple(filter(None, reported.get(_UNAVAILABLE_KEY, "").split(","))),
    )


class HealthServicer(health.HealthServicer):
    """The health service; reports the version of the code."""

    def __init__(self, version: str) -> None:
        super().__init__(experimental_thread_pool=ThreadPoolExecutor(max_workers=1))
        self._version = version
        self.dependencies: Sequence[Dependency] = ()

    def Check(self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Health of one service or of the process."""
        unavailable = ",".join(dependency.name for dependency in self.dependencies if not dependency.is_available())
        context.send_initial_metadata(((_VERSION_KEY, self._version), (_UNAVAILABLE_KEY, unavailable)))
        return super().Check(request, context)
