"""Values and ports that domain code may use: pure, without I/O, transport or storage."""

from chassis.kernel.backoff import Backoff
from chassis.kernel.caller import ANONYMOUS, Caller, Role
from chassis.kernel.clock import Clock, SystemClock
from chassis.kernel.errors import ErrorKind, ServiceError
from chassis.kernel.etag import EtagMismatch, check_etag, etag
from chassis.kernel.ids import Ids, SystemIds
from chassis.kernel.money import CurrencyMismatch, CurrencyUnknown, Money, total
from chassis.kernel.names import resource_id

__all__ = [
    "ANONYMOUS",
    "Backoff",
    "Caller",
    "Clock",
    "CurrencyMismatch",
    "CurrencyUnknown",
    "ErrorKind",
    "EtagMismatch",
    "Ids",
    "Money",
    "Role",
    "ServiceError",
    "SystemClock",
    "SystemIds",
    "check_etag",
    "etag",
    "resource_id",
    "total",
]
