"""Times every call and logs those that are sampled, slow or failed; spans are opened outside (`chassis.tracing`)."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Final, cast

import grpc
import structlog
from opentelemetry import metrics

from chassis.interceptors.server_call import Interceptor, ServerCall
from chassis.kernel.clock import monotonic
from chassis.tracing import is_current_sampled

_SLOW_SECONDS: Final = 1.0
_log = structlog.get_logger("rpc")
_meter = metrics.get_meter("bookstore.chassis")
# Name and unit: OpenTelemetry semantic conventions for RPC metrics.
_duration = _meter.create_histogram("rpc.server.call.duration", unit="s", description="Duration of served calls")


class Telemetry(Interceptor):
    """Measures the call to its end, streams to their last message."""

    __slots__ = ("_began",)

    def __init__(self, call: ServerCall) -> None:
        super().__init__(call)
        self._began = monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Records the duration under the method and the final code."""
        seconds = monotonic() - self._began
        code = cast(Any, self.call.context).code() or grpc.StatusCode.OK  # `code` is missing in the stubs
        name = code.name if isinstance(code, grpc.StatusCode) else str(code)
        path = self.call.endpoint.method.path
        _duration.record(seconds, {"rpc.method": path, "rpc.response.status_code": name})
        if code is not grpc.StatusCode.OK or seconds > _SLOW_SECONDS or is_current_sampled():
            _log.info("call", method=path, code=name, duration_ms=round(seconds * 1000, 2))
