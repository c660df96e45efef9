"""Values and ports that domain code may use: pure, without I/O, transport or storage."""

from services.chassis.kernel.caller import ANONYMOUS, Caller, Role
from services.chassis.kernel.clock import Clock, SystemClock
from services.chassis.kernel.errors import ErrorKind, ServiceError
from services.chassis.kernel.etag import EtagMismatch, check_etag, etag
from services.chassis.kernel.ids import Ids, SystemIds
from services.chassis.kernel.money import CurrencyMismatch, CurrencyUnknown, Money, total
from services.chassis.kernel.names import resource_id

__all__ = [
    "ANONYMOUS",
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
