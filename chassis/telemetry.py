"""Logs, traces and metrics of one process: structlog JSON, OpenTelemetry, Prometheus."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, MutableMapping, Sequence
from pathlib import Path
from typing import Any

import structlog
from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, SERVICE_NAME, SERVICE_NAMESPACE, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes
from structlog.tracebacks import ExceptionDictTransformer

from chassis.settings import AddressTaken, ChassisSettings, TraceExport
from chassis.trace_collector import TRACES_PATH
from chassis.tracing import current_trace_id

_EXPORT_EVERY_MS = 1000
_LARGEST_TRACE_FILE_BYTES = 32 * 1024 * 1024


def _with_trace(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = format(context.trace_id, "032x")
        event["span_id"] = format(context.span_id, "016x")
    elif trace_id := current_trace_id():
        event["trace_id"] = trace_id
    return event


def configure_logs(process: str, level: str) -> None:
    """Every log line of the process is one JSON object on standard error with the process name and the trace."""
    number = getattr(logging, level.upper())
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _with_trace,
            # Without local variables: they hold requests, and requests hold secrets.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(service=process)
    logging.basicConfig(level=max(number, logging.WARNING), stream=sys.stderr)


def _exporter(settings: ChassisSettings, process: str) -> SpanExporter | None:
    export = settings.trace_export
    if export is TraceExport.OTLP:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # slow to import

        return OTLPSpanExporter(endpoint=settings.otlp_endpoint.rstrip("/") + TRACES_PATH)
    if export is TraceExport.CONSOLE:
        return ConsoleSpanExporter(out=sys.stderr, formatter=lambda span: span.to_json(indent=None) + "\n")
    if export is TraceExport.FILE:
        return FileSpanExporter(settings.data_dir / "traces" / f"{process}.jsonl")
    return None


class FileSpanExporter(SpanExporter):
    """Writes one span a line as JSON; keeps the last `largest_bytes` to twice that, the older part as `<file>.1`."""

    def __init__(self, path: Path, *, largest_bytes: int = _LARGEST_TRACE_FILE_BYTES) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        self._largest_bytes = largest_bytes
        self._file = path.open("a", encoding="utf-8")

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Appends the spans; called by one thread at a time."""
        self._file.writelines(f"{span.to_json(indent=None)}\n" for span in spans)
        self._file.flush()
        if self._file.tell() > self._largest_bytes:
            self._file.close()
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
            self._file = self._path.open("a", encoding="utf-8")
        return SpanExportResult.SUCCESS

    def shutdown(self) -> None:
        """Closes the file."""
        self._file.close()


class RootSpanSampler(Sampler):
    """Traces begin where something comes in or is begun on purpose.

    A statement or call without a parent is background polling, which would drown every other trace.
    """

    def __init__(self, share: float) -> None:
        self._ratio = TraceIdRatioBased(share)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """Drops what begins with a client span, takes the given share of the rest."""
        if kind is SpanKind.CLIENT:
            return SamplingResult(Decision.DROP)
        return self._ratio.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """A name for people."""
        return f"RootSpanSampler{{{self._ratio.get_description()}}}"


def serve_metrics(host: str, port: int) -> None:
    """Starts the Prometheus endpoint. Raises AddressTaken."""
    from prometheus_client import start_http_server

    try:
        start_http_server(port, addr=host)
    except OSError:
        raise AddressTaken(f"{host}:{port}", variable="BOOKSTORE_METRICS_PORT") from None


def configure(settings: ChassisSettings, process: str, instance: str) -> Callable[[], None]:
    """Sets up logs, traces and metrics; returns the function that flushes them at the end. Raises AddressTaken."""
    configure_logs(process, settings.log_level)
    resource = Resource.create(
        {SERVICE_NAME: process, SERVICE_NAMESPACE: "bookstore", SERVICE_INSTANCE_ID: instance},
    )
    shutdowns: list[Callable[[], object]] = []
    exporter = _exporter(settings, process)
    if exporter is not None:
        tracers = TracerProvider(resource=resource, sampler=ParentBased(RootSpanSampler(settings.trace_sample)))
        tracers.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=_EXPORT_EVERY_MS))
        trace.set_tracer_provider(tracers)
        shutdowns.append(tracers.shutdown)
    if settings.metrics_port:
        from opentelemetry.exporter.prometheus import PrometheusMetricReader

        meters = MeterProvider(resource=resource, metric_readers=[PrometheusMetricReader()])
        metrics.set_meter_provider(meters)
        serve_metrics(settings.listen.rpartition(":")[0], settings.metrics_port)
        shutdowns.append(meters.shutdown)

    def shutdown() -> None:
        for end in shutdowns:
            end()

    return shutdown
