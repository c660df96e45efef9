"""Which calls and events get a span, and what trace context travels on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import grpc
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, ParentBased, Sampler

from chassis.tracing import (
    TRACEPARENT,
    current_trace_id,
    current_traceparent,
    event_span,
    is_sampled,
    trace_sampled_calls,
)
from tests.limits import HANG_SECONDS

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PATH = "/test.Service/Method"


def traceparent(flags: str) -> str:
    return f"00-{TRACE_ID}-00f067aa0ba902b7-{flags}"


@contextmanager
def calling(sampler: Sampler, *, recording: bool = True) -> Iterator[Callable[[str], tuple[bool, str]]]:
    """A function that calls a traced method: whether it ran in a recorded span, and what it would pass on."""

    def behave(_: bytes, __: grpc.ServicerContext) -> bytes:
        return f"{trace.get_current_span().is_recording()} {current_traceparent()}".encode()

    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(behave)
    provider = TracerProvider(sampler=ParentBased(sampler))
    composed = trace_sampled_calls(handler, PATH, recording=recording, provider=provider)
    server = grpc.server(ThreadPoolExecutor(max_workers=1))
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Service", {"Method": composed}),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        method: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(PATH)

        def call(context: str) -> tuple[bool, str]:
            answer = method(b"", metadata=((TRACEPARENT, context),) if context else (), timeout=HANG_SECONDS)
            recorded, _, passed_on = answer.decode().partition(" ")
            return recorded == "True", passed_on

        yield call
    server.stop(None)


@pytest.mark.parametrize(("flags", "sampled"), [("00", False), ("01", True), ("02", False), ("03", True)])
def test_sampled_is_the_lowest_bit_of_the_flags(flags: str, sampled: bool) -> None:
    assert is_sampled(traceparent(flags)) is sampled
    with calling(ALWAYS_ON) as call:
        recorded, passed_on = call(traceparent(flags))
    assert recorded is sampled
    assert (passed_on == traceparent(flags)) is not sampled  # a span passes on its own id
    assert passed_on.split("-")[1] == TRACE_ID


def test_without_a_trace_context_the_sampler_decides() -> None:
    with calling(ALWAYS_ON) as call:
        recorded, passed_on = call("")
        assert recorded
        assert is_sampled(passed_on)
    with calling(ALWAYS_OFF) as call:
        recorded, passed_on = call("")
        assert not recorded
        assert not is_sampled(passed_on)


def test_calls_do_not_inherit_the_context_of_others() -> None:
    with calling(ALWAYS_OFF) as call:
        call(traceparent("00"))
        _, passed_on = call("")
    assert TRACE_ID not in passed_on


def test_without_recording_the_context_is_passed_on() -> None:
    with calling(ALWAYS_ON, recording=False) as call:
        assert call(traceparent("01")) == (False, traceparent("01"))
        assert call("") == (False, "")


def test_an_event_of_an_unsampled_trace_has_no_span_but_its_trace_id() -> None:
    tracer = TracerProvider().get_tracer("test")
    with event_span("work", traceparent("00"), attributes={}, tracer=tracer) as span:
        assert not span.is_recording()
        assert (current_traceparent(), current_trace_id()) == (traceparent("00"), TRACE_ID)
    assert current_traceparent() == ""
    with event_span("work", traceparent("01"), attributes={}, tracer=tracer) as span:
        assert span.is_recording()
        assert current_trace_id() == TRACE_ID
    with event_span("work", "", attributes={}, tracer=tracer) as span:
        assert span.is_recording()
