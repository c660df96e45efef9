"""Spans for sampled calls and events only; every other one passes on the W3C trace context that it received.

A span of OpenTelemetry's instrumentation costs about 100 microseconds even where the trace is not sampled, as much as
the rest of a read. So a handler or stub has two forms, with and without it, and the flags of the context that arrived
choose. The context of an unsampled trace travels on unchanged, as W3C Trace Context (section 2.3) allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Final

import grpc
from opentelemetry import trace
from opentelemetry.instrumentation.grpc import client_interceptor, grpcext, server_interceptor
from opentelemetry.trace import Span, SpanKind, Tracer, TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from chassis.watches import is_non_blocking, non_blocking

TRACEPARENT: Final = "traceparent"
"""Metadata key and event header of the trace context: version-trace-span-flags, in hexadecimal."""

_ODD: Final = frozenset("13579bdf")  # sampled is the lowest bit: 01, but also 03 (random trace id, level 2)
_TRACE_ID: Final = slice(3, 35)
_propagator: Final = TraceContextTextMapPropagator()
_received: ContextVar[str] = ContextVar(TRACEPARENT, default="")
_tracer: Final = trace.get_tracer(__name__)


def is_sampled(traceparent: str) -> bool:
    """Whether the trace is recorded."""
    return traceparent[-1:] in _ODD


def current_traceparent() -> str:
    """Returns the trace context for what the current work causes; empty outside of any trace."""
    if trace.get_current_span() is trace.INVALID_SPAN:
        return _received.get()
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get(TRACEPARENT, "")


def current_trace_id() -> str:
    """Returns the id of the current trace, sampled or not; empty outside of any trace."""
    return current_traceparent()[_TRACE_ID]


def is_current_sampled() -> bool:
    """Whether the current trace is recorded."""
    span = trace.get_current_span()
    if span is trace.INVALID_SPAN:
        return is_sampled(_received.get())
    return span.get_span_context().trace_flags.sampled


@contextmanager
def event_span(
    name: str,
    traceparent: str,
    *,
    kind: SpanKind = SpanKind.CONSUMER,
    attributes: Mapping[str, str],
    tracer: Tracer = _tracer,
) -> Iterator[Span]:
    """Work that an event or a stored task causes: a span of its trace, or without one, a root that may be sampled."""
    if traceparent and not is_sampled(traceparent):
        token = _received.set(traceparent)
        try:
            yield trace.INVALID_SPAN
        finally:
            _received.reset(token)
        return
    context = _propagator.extract({TRACEPARENT: traceparent})
    with tracer.start_as_current_span(name, context=context, kind=kind, attributes=attributes) as span:
        yield span


def trace_sampled_calls(
    handler: grpc.RpcMethodHandler[Any, Any], path: str, *, recording: bool, provider: TracerProvider | None = None
) -> grpc.RpcMethodHandler[Any, Any]:
    """Returns the handler of the method at `path` with a span around each sampled call.

    A call that arrives without a trace context is a root, for which the sampler decides. Without `recording` there are
    no spans, and the context is only passed on; nor for non-blocking handlers, which the instrumentation cannot wrap.
    """
    shape = (
        f"{'stream' if handler.request_streaming else 'unary'}_{'stream' if handler.response_streaming else 'unary'}"
    )
    plain: Callable[..., Any] = getattr(handler, shape)
    traced = plain
    if recording:
        interceptor: grpc.ServerInterceptor = server_interceptor(provider)  # type: ignore[no-untyped-call]
        traced = getattr(interceptor.intercept_service(lambda _: handler, _CallDetails(path)), shape)

    def handle(request: Any, context: grpc.ServicerContext, *send: Any) -> Any:
        traceparent = next((str(value) for key, value in context.invocation_metadata() if key == TRACEPARENT), "")
        if recording and not send and (not traceparent or is_sampled(traceparent)):
            return traced(request, context)
        _received.set(traceparent)  # grpcio gives each call a context of its own, so that nothing has to be reset
        return plain(request, context, *send)

    factory: Any = getattr(grpc, f"{shape}_rpc_method_handler")
    if is_non_blocking(plain):
        non_blocking(handle)
    composed: grpc.RpcMethodHandler[Any, Any] = factory(
        handle, handler.request_deserializer, handler.response_serializer
    )
    return composed


def instrumented(channel: grpc.Channel) -> Any:
    """Returns the channel with a span around each call; only for calls inside a recorded span."""
    return grpcext.intercept_channel(channel, client_interceptor())  # type: ignore[no-untyped-call]


class _CallDetails(grpc.HandlerCallDetails):
    """What the instrumentation asks of a call when it wraps a handler; the metadata it reads from each call."""

    def __init__(self, path: str) -> None:
        self.method = path
        self.invocation_metadata = ()
