"""Errors on the wire: ServiceError to google.rpc.Status and back."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final, cast

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from chassis.kernel import ErrorKind, ServiceError
from chassis.v1.platform_errors_pb2 import PlatformErrorReason

CODES: Final[dict[ErrorKind, grpc.StatusCode]] = {kind: grpc.StatusCode[kind.name] for kind in ErrorKind}
"""The gRPC code of each kind; total, since every kind is named like its code."""

_KINDS: Final = {code: kind for kind, code in CODES.items()}
_RESOURCE_NAME: Final = re.compile(r"([a-z]+/[A-Za-z0-9_-]+)+")
_REASON_PREFIX: Final = "PLATFORM_ERROR_REASON_"
_PLATFORM_REASONS: Final = frozenset(name.removeprefix(_REASON_PREFIX) for name in PlatformErrorReason.keys())  # noqa: SIM118  # not a dict
_RETRY_DELAY: Final = {
    ErrorKind.UNAVAILABLE: timedelta(seconds=1),
    ErrorKind.RESOURCE_EXHAUSTED: timedelta(seconds=2),
}
STATUS_METADATA_KEY: Final = "grpc-status-details-bin"
"""Trailing metadata that carries google.rpc.Status, as grpc-status defines it."""


class FieldInvalid(ServiceError):
    """A field of the request breaks a rule; `violations` are pairs of field path and description."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "FIELD_INVALID"

    def __init__(self, violations: list[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{field}: {description}" for field, description in violations))
        self.violations = violations


class DependencyUnavailable(ServiceError):
    """A service this one needs does not answer; metadata `service` names it."""

    kind = ErrorKind.UNAVAILABLE
    reason = "DEPENDENCY_UNAVAILABLE"


class DeadlinePassed(ServiceError):
    """The deadline of the call passed."""

    kind = ErrorKind.DEADLINE_EXCEEDED
    reason = "DEADLINE_PASSED"


class Overloaded(ServiceError):
    """The process is at its limit; try again later."""

    kind = ErrorKind.RESOURCE_EXHAUSTED
    reason = "OVERLOADED"


class RemoteError(ServiceError):
    """What another service answered: its kind, reason, domain and metadata."""

    def __init__(
        self, *, kind: ErrorKind, reason: str, domain: str, message: str, metadata: dict[str, str] | None = None
    ) -> None:
        super().__init__(message, **(metadata or {}))
        self.kind = kind
        self.reason = reason
        self.domain = domain


def status_of(error: ServiceError, context: str) -> Status:
    """The google.rpc.Status of an error raised in the given context (`catalog`)."""
    if isinstance(error, RemoteError):
        domain = error.domain
    else:
        # A context may have a reason of the same name, such as CURRENCY_MISMATCH; the platform raises from the chassis.
        ours = error.reason in _PLATFORM_REASONS and type(error).__module__.startswith("chassis.")
        domain = "platform.bookstore" if ours else f"{context}.bookstore"
    details = [error_details_pb2.ErrorInfo(reason=error.reason, domain=domain, metadata=error.metadata)]
    violations = error.violations if isinstance(error, FieldInvalid) else []
    if not violations and error.field:
        violations = [(error.field, error.message)]
    packed = [_packed(detail) for detail in details]
    if violations:
        packed.append(
            _packed(
                error_details_pb2.BadRequest(
                    field_violations=[
                        error_details_pb2.BadRequest.FieldViolation(
                            field=field, description=description, reason=error.reason
                        )
                        for field, description in violations
                    ]
                )
            )
        )
    if error.kind is ErrorKind.FAILED_PRECONDITION:
        subject = next((value for value in error.metadata.values() if _RESOURCE_NAME.fullmatch(value)), "")
        violation = error_details_pb2.PreconditionFailure.Violation(
            type=error.reason, subject=subject, description=error.message
        )
        packed.append(_packed(error_details_pb2.PreconditionFailure(violations=[violation])))
    if error.kind in _RETRY_DELAY:
        delay = Duration()
        delay.FromTimedelta(error.retry_after or _RETRY_DELAY[error.kind])
        packed.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    code: int = CODES[error.kind].value[0]
    return Status(code=code, message=error.message, details=packed)


def _packed(detail: object) -> Any:
    message = Any()
    message.Pack(detail)  # type: ignore[arg-type]  # the google.rpc stubs carry no types
    return message


def remote_error(error: grpc.RpcError, service: str) -> ServiceError:
    """The typed error of a failed call to `service`."""
    call = cast(grpc.Call, error)  # what grpcio raises is both, which its stubs do not say
    code, status = call.code(), rpc_status.from_call(call)
    if status is not None:
        for detail in status.details:
            info = error_details_pb2.ErrorInfo()
            if detail.Unpack(info):
                return RemoteError(
                    kind=_KINDS.get(code, ErrorKind.INTERNAL),
                    reason=info.reason,
                    domain=info.domain,
                    message=status.message,
                    metadata=dict(info.metadata),
                )
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlinePassed(f"{service} did not answer in time", service=service)
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        return DependencyUnavailable(f"{service} does not answer", service=service)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return Overloaded(f"{service} is overloaded", service=service)
    return RemoteError(
        kind=ErrorKind.INTERNAL,
        reason="UNEXPECTED",
        domain="platform.bookstore",
        message=f"{service} answered {code.name}",
        metadata={"service": service},
    )
