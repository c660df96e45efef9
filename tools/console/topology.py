"""Which services there are, where each one listens and what it is told by its environment."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from tools.console.certificates import CONSOLE, EDGE
from tools.console.paths import GENERATED
from tools.console.ports import LOOPBACK, free_ports
from tools.console.services import SOURCE
from tools.console.settings import ConsoleSettings

_MMAP_THRESHOLD_BYTES: Final = 1024 * 1024
_DRAIN_SECONDS: Final = 3  # leaves time for everything else within the 10 s that stopping a stack may take


def python_path() -> str:
    """PYTHONPATH of every child: both source roots, then what the user has."""
    inherited = os.environ.get("PYTHONPATH", "")
    return os.pathsep.join([str(SOURCE), str(GENERATED), *([inherited] if inherited else [])])


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where one service listens for gRPC and for Prometheus, and the core it runs on."""

    service: str
    port: int
    metrics_port: int
    core: int | None

    @property
    def address(self) -> str:
        """`host:port` of the gRPC server."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def metrics(self) -> str:
        """`host:port` of the Prometheus endpoint."""
        return f"{LOOPBACK}:{self.metrics_port}"


def endpoints(services: tuple[str, ...], *, avoid: Collection[int] = ()) -> tuple[Endpoint, ...]:
    """Free ports for each service and a core in turn, since a worker is fastest on one core. Raises NoFreePort."""
    ports = free_ports(2 * len(services), avoid=avoid)
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    return tuple(
        Endpoint(
            service=service,
            port=ports[2 * number],
            metrics_port=ports[2 * number + 1],
            core=cores[number % len(cores)] if len(cores) > 1 else None,
        )
        for number, service in enumerate(services)
    )


def certificate_names(services: tuple[str, ...]) -> tuple[str, ...]:
    """Every process that needs a certificate."""
    return (*services, EDGE, CONSOLE)


def shared_environment(settings: ConsoleSettings, *, nats_url: str) -> dict[str, str]:
    """What every child gets: the user's environment with the places and the broker of this stack."""
    environment = {
        **os.environ,
        "PYTHONPATH": python_path(),
        "PYTHONUNBUFFERED": "1",
        # glibc raises this threshold to what was freed last; then hashing passwords keeps its megabytes for ever.
        "MALLOC_MMAP_THRESHOLD_": str(_MMAP_THRESHOLD_BYTES),
        "BOOKSTORE_DATA_DIR": str(settings.folder.path),
        "BOOKSTORE_TLS_DIR": str(settings.folder.certificates.path),
        "BOOKSTORE_NATS_URL": nats_url,
    }
    environment.setdefault("BOOKSTORE_DRAIN_SECONDS", str(_DRAIN_SECONDS))
    return environment


def service_environment(
    endpoint: Endpoint, shared: Mapping[str, str], *, targets: Mapping[str, list[str]]
) -> dict[str, str]:
    """What one service gets on top: where it listens and where its peers are."""
    environment = {
        **shared,
        "BOOKSTORE_LISTEN": endpoint.address,
        "BOOKSTORE_METRICS_PORT": str(endpoint.metrics_port),
        "BOOKSTORE_TARGETS": json.dumps(targets),
    }
    if endpoint.core is not None:
        environment.setdefault("BOOKSTORE_CORE", str(endpoint.core))
    return environment
