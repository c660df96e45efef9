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

_EXPORTS: Final = {
    "breaker": ("Breaker",),
    "call": ("caller",),
    "database": ("Database",),
    "inbox": ("Subscription",),
    "kernel": ("Backoff", "Caller", "Clock", "ErrorKind", "Ids", "ServiceError"),
    "outbox": ("Outbox",),
    "process": ("serve",),
    "service": ("Runtime", "Service", "Servicer", "TokenIssuer"),
    "settings": ("ChassisSettings", "read_settings"),
    "watches": ("Watches", "non_blocking"),
    "worker": ("Worker",),
}


def __getattr__(name: str) -> Any:
    module = next((module for module, names in _EXPORTS.items() if name in names), None)
    if module is None:
        raise AttributeError(f"module 'chassis' has no attribute {name!r}")
    return getattr(importlib.import_module(f"chassis.{module}"), name)
