"""Counts, times and logs every call; the span is opened outside, by OpenTelemetry's gRPC instrumentation."""

from __future__ import annotations

from typing import Any

import grpc
import structlog
from opentelemetry import metrics

from chassis.contract import Method
from chassis.interceptors.layer import Handler, Inside
from chassis.kernel.clock import monotonic

_log = structlog.get_logger("rpc")
_meter = metrics.get_meter("bookstore.chassis")
# Name and unit: OpenTelemetry semantic conventions for RPC metrics.
_duration = _meter.create_histogram("rpc.server.call.duration", unit="s", description="Duration of served calls")


def around(proceed: Handler, method: Method, inside: Inside) -> Handler:
    """Measures the call to its end, streams to their last message."""

    def finished(context: grpc.ServicerContext, began: float) -> None:
        code = context.code() or grpc.StatusCode.OK  # type: ignore[attr-defined]  # missing in the stubs
        name = code.name if isinstance(code, grpc.StatusCode) else str(code)
        seconds = monotonic() - began
        _duration.record(seconds, {"rpc.method": method.path, "rpc.response.status_code": name})
        _log.info("call", method=method.path, code=name, duration_ms=round(seconds * 1000, 2))

    def unary(request: Any, context: grpc.ServicerContext) -> Any:
        began = monotonic()
        try:
            return proceed(request, context)
        finally:
            finished(context, began)

    def streaming(request: Any, context: grpc.ServicerContext) -> Any:
        began = monotonic()
        try:
            yield from proceed(request, context)
        finally:
            finished(context, began)

    return streaming if method.response_streaming else unary
