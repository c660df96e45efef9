"""Turns what a call raises into a google.rpc.Status; the text of anything unexpected stays in the log."""

from __future__ import annotations

from types import TracebackType
from typing import NoReturn

import structlog

from chassis.errors import CODES, STATUS_METADATA_KEY, status_of
from chassis.interceptors.http import STATUS_METADATA_KEY as HTTP_STATUS_METADATA_KEY
from chassis.interceptors.server_call import Interceptor
from chassis.kernel import ServiceError
from chassis.v1.platform_errors import EtagMismatch, Unexpected

_log = structlog.get_logger("rpc")
_PRECONDITION_FAILED = "412"  # RFC 9110: what HTTP clients expect of a failed If-Match; gRPC's ABORTED alone is 409


class Errors(Interceptor):
    """Aborts the call with the status of the error that was raised inside."""

    __slots__ = ()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Raises, by aborting, unless the call succeeded or was ended from outside."""
        if isinstance(error, ServiceError):
            self._abort(error)
        elif isinstance(error, Exception):  # the boundary: nothing unexpected may leave as text
            self._abort(self._unexpected(error))

    def _abort(self, error: ServiceError) -> NoReturn:
        endpoint = self.call.endpoint
        if (error.domain, error.reason) not in endpoint.method.errors:
            endpoint.server.undeclared(endpoint.method, error)
        status = status_of(error)
        trailers = [(STATUS_METADATA_KEY, status.SerializeToString())]
        if isinstance(error, EtagMismatch):
            trailers.append((HTTP_STATUS_METADATA_KEY, _PRECONDITION_FAILED.encode()))
        self.call.context.set_trailing_metadata(tuple(trailers))
        self.call.context.abort(CODES[error.kind], error.message)

    def _unexpected(self, error: Exception) -> ServiceError:
        endpoint = self.call.endpoint
        incident = endpoint.server.ids.new()
        _log.error("unexpected", method=endpoint.method.path, incident=incident, exc_info=error)
        return Unexpected(incident=incident)
