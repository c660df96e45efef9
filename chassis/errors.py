"""Errors on the wire: ServiceError to google.rpc.Status and back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final, cast

import grpc
from google.protobuf.any_pb2 import Any
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from chassis.kernel import ErrorKind, ServiceError
from chassis.v1 import platform_errors

CODES: Final[dict[ErrorKind, grpc.StatusCode]] = {kind: grpc.StatusCode[kind.name] for kind in ErrorKind}
"""The gRPC code of each kind; total, since every kind is named like its code."""

_KINDS: Final = {code: kind for kind, code in CODES.items()}
_RESOURCE_NAME: Final = re.compile(r"([a-z]+/[A-Za-z0-9_-]+)+")
_RETRY_DELAY: Final = {
    ErrorKind.UNAVAILABLE: timedelta(seconds=1),
    ErrorKind.RESOURCE_EXHAUSTED: timedelta(seconds=2),
}
STATUS_METADATA_KEY: Final = "grpc-status-details-bin"
"""Trailing metadata that carries google.rpc.Status, as grpc-status defines it."""


MAX_VIOLATIONS: Final = 20
"""Violations that one error lists. An error travels in the trailers of the call, for which gRPC clients have 8 KiB."""
_IN_MESSAGE: Final = 5
_LONGEST_FIELD: Final = 100  # characters
_LONGEST_DESCRIPTION: Final = 200


class FieldInvalid(platform_errors.FieldInvalid):
    """Fields of the request break rules. `violations` are pairs of field path and description, the first
    MAX_VIOLATIONS of those given; the message names the first few and how many there are besides.
    """

    def __init__(self, violations: Sequence[tuple[str, str]]) -> None:
        self.violations = [
            (_shortened(field, _LONGEST_FIELD), _shortened(description, _LONGEST_DESCRIPTION))
            for field, description in violations[:MAX_VIOLATIONS]
        ]
        told = [f"{field}: {description}" for field, description in self.violations[:_IN_MESSAGE]]
        if len(violations) > _IN_MESSAGE:
            told.append(f"and {len(violations) - _IN_MESSAGE} more")
        if len(violations) > MAX_VIOLATIONS:
            told.append(f"the details list the first {MAX_VIOLATIONS}")
        super().__init__(detail="; ".join(told))


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}..."


class RemoteError(ServiceError):
    """What another service returned, where no class of that domain and reason is imported."""

    def __init__(self, *, kind: ErrorKind, reason: str, domain: str, message: str, metadata: Mapping[str, str]) -> None:
        super().__init__(message, metadata=metadata)
        self.kind = kind
        self.reason = reason
        self.domain = domain


def status_of(error: ServiceError) -> Status:
    """The google.rpc.Status of an error."""
    details = [error_details_pb2.ErrorInfo(reason=error.reason, domain=error.domain, metadata=error.metadata)]
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
                return _received(_KINDS.get(code, ErrorKind.INTERNAL), status.message, info)
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return platform_errors.DeadlinePassed(detail=f"{service} did not respond in time")
    if code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED):
        return platform_errors.DependencyUnavailable(service=service, detail="it does not respond")
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return platform_errors.Overloaded.received(
            ErrorKind.RESOURCE_EXHAUSTED, f"{service} is overloaded", {"service": service}
        )
    return platform_errors.Unexpected.received(
        ErrorKind.INTERNAL, f"{service} returned {code.name}", {"service": service}
    )


def _received(kind: ErrorKind, message: str, info: error_details_pb2.ErrorInfo) -> ServiceError:
    known = ServiceError.class_of(info.domain, info.reason)
    if known is not None:
        return known.received(kind, message, info.metadata)
    return RemoteError(kind=kind, reason=info.reason, domain=info.domain, message=message, metadata=dict(info.metadata))
