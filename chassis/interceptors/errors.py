"""Turns what a call raises into a google.rpc.Status; the text of anything unexpected stays in the log."""

from __future__ import annotations

from typing import Any, NoReturn

import grpc
import structlog

from chassis.contract import Method
from chassis.errors import CODES, STATUS_METADATA_KEY, status_of
from chassis.interceptors.http import STATUS_METADATA_KEY as HTTP_STATUS_METADATA_KEY
from chassis.interceptors.layer import Handler, Inside
from chassis.kernel import ErrorKind, ServiceError

_log = structlog.get_logger("rpc")
_PRECONDITION_FAILED = "412"  # RFC 9110: what HTTP clients expect of a failed If-Match; gRPC's ABORTED alone is 409


class Unexpected(ServiceError):
    """Something no rule foresees; metadata `incident` is the id under which the log has the details."""

    kind = ErrorKind.INTERNAL
    reason = "UNEXPECTED"


def around(proceed: Handler, method: Method, inside: Inside) -> Handler:
    """Aborts the call with the status of the error that was raised inside."""

    def abort(error: ServiceError, context: grpc.ServicerContext) -> NoReturn:
        status = status_of(error, inside.context)
        trailers = [(STATUS_METADATA_KEY, status.SerializeToString())]
        if error.reason == "ETAG_MISMATCH":
            trailers.append((HTTP_STATUS_METADATA_KEY, _PRECONDITION_FAILED.encode()))
        context.set_trailing_metadata(tuple(trailers))
        context.abort(CODES[error.kind], error.message)

    def unexpected(error: Exception) -> ServiceError:
        incident = inside.ids.new()
        _log.error("unexpected", method=method.path, incident=incident, exc_info=error)
        return Unexpected(f"something went wrong here; incident {incident}", incident=incident)

    def unary(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return proceed(request, context)
        except ServiceError as error:
            abort(error, context)
        except Exception as error:  # noqa: BLE001  # the boundary: nothing unexpected may leave as text
            abort(unexpected(error), context)

    def streaming(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            yield from proceed(request, context)
        except ServiceError as error:
            abort(error, context)
        except Exception as error:  # noqa: BLE001  # the boundary: nothing unexpected may leave as text
            abort(unexpected(error), context)

    return streaming if method.response_streaming else unary
