"""Values and ports that domain code may use: pure, without I/O, transport or storage."""

from chassis.kernel.backoff import Backoff
from chassis.kernel.caller import ANONYMOUS, Caller, Role
from chassis.kernel.clock import Clock, SystemClock
from chassis.kernel.etag import check_etag, etag
from chassis.kernel.ids import Ids, SystemIds
from chassis.kernel.money import Money, total
from chassis.kernel.names import resource_id
from chassis.service_error import ErrorKind, ServiceError

__all__ = [
    "ANONYMOUS",
    "Backoff",
    "Caller",
    "Clock",
    "ErrorKind",
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
