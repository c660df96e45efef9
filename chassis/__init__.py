"""A library for gRPC services: server, channels, database, events, telemetry. See README.md beside this file.

It knows nothing of the bookstore. The names below are its public API; each is loaded when it is first used, so that a
domain module or a command that needs one of them does not load the server.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from chassis.breaker import Breaker
    from chassis.call import caller
    from chassis.database import Database
    from chassis.inbox import Subscription
    from chassis.kernel import Backoff, Caller, Clock, ErrorKind, Ids, ServiceError
    from chassis.outbox import Outbox
    from chassis.process import serve
    from chassis.service import Runtime, Service, Servicer, TokenIssuer
    from chassis.settings import ChassisSettings, read_settings
    from chassis.watches import Watches, non_blocking
    from chassis.worker import Worker

__all__ = [
    "Backoff",
    "Breaker",
    "Caller",
    "ChassisSettings",
    "Clock",
    "Database",
    "ErrorKind",
    "Ids",
    "Outbox",
    "Runtime",
    "Service",
    "ServiceError",
    "Servicer",
    "Subscription",
    "TokenIssuer",
    "Watches",
    "Worker",
    "caller",
    "non_blocking",
    "read_settings",
    "serve",
]

_KERNEL: Final = "chassis.kernel"
_MODULES: Final = {
    "Backoff": _KERNEL,
    "Breaker": "chassis.breaker",
    "Caller": _KERNEL,
    "ChassisSettings": "chassis.settings",
    "Clock": _KERNEL,
    "Database": "chassis.database",
    "ErrorKind": _KERNEL,
    "Ids": _KERNEL,
    "Outbox": "chassis.outbox",
    "Runtime": "chassis.service",
    "Service": "chassis.service",
    "ServiceError": _KERNEL,
    "Servicer": "chassis.service",
    "Subscription": "chassis.inbox",
    "TokenIssuer": "chassis.service",
    "Watches": "chassis.watches",
    "Worker": "chassis.worker",
    "caller": "chassis.call",
    "non_blocking": "chassis.watches",
    "read_settings": "chassis.settings",
    "serve": "chassis.process",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'chassis' has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
