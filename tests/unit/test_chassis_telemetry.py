"""Spans in files, and which traces are begun."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ParentBased
from opentelemetry.trace import SpanKind

from chassis.settings import AddressTaken
from chassis.telemetry import FileSpanExporter, RootSpanSampler, serve_metrics


def test_spans_are_lines_of_json_and_old_ones_are_let_go(tmp_path: Path) -> None:
    file = tmp_path / "traces" / "catalog.jsonl"
    exporter = FileSpanExporter(file, largest_bytes=2000)
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    for number in range(20):
        tracer.start_span(f"span {number}").end()
    provider.shutdown()
    kept = [*file.with_name("catalog.jsonl.1").read_text().splitlines(), *file.read_text().splitlines()]
    names = [json.loads(line)["name"] for line in kept]
    assert names == [f"span {number}" for number in range(20)][-len(names) :]
    assert len(names) < 20


def test_a_metrics_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(AddressTaken, match=f"cannot listen on 127.0.0.1:{port}: .*BOOKSTORE_METRICS_PORT"):
            serve_metrics("127.0.0.1", port)


@pytest.mark.parametrize(("kind", "recorded"), [(SpanKind.SERVER, 2), (SpanKind.CONSUMER, 2), (SpanKind.CLIENT, 0)])
def test_background_polling_begins_no_trace_but_is_part_of_one(kind: SpanKind, recorded: int) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=ParentBased(RootSpanSampler(1.0)))
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    with tracer.start_as_current_span("outer", kind=kind):
        tracer.start_span("SELECT", kind=SpanKind.CLIENT).end()
    provider.shutdown()
    assert len(exporter.get_finished_spans()) == recorded
