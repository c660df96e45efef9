"""What a process reports of itself over gRPC, and the probe of the trace collector."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import grpc
import pytest
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from chassis.health import Dependency, Health, read_health
from chassis.interceptors import ServerContext
from chassis.kernel import SystemIds
from chassis.server import Server
from chassis.service import Service
from chassis.settings import ChassisSettings
from chassis.trace_collector import CollectorUnavailable, probe_collector


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    context = ServerContext(ids=SystemIds(), answers=None, mutual_tls=False)
    settings = ChassisSettings(data_dir=tmp_path, drain_seconds=0)
    started = Server(
        Service(name="catalog", servicers=()), settings=settings, context=context, credentials=None, version="1.0"
    )
    started.start()
    yield started
    started.stop()


def checked(server: Server) -> Health:
    with grpc.insecure_channel(f"127.0.0.1:{server.port}") as channel:
        check = HealthStub(channel).Check  # type: ignore[attr-defined]  # missing in the stubs
        response, call = check.with_call(health_pb2.HealthCheckRequest(), timeout=30)
        return read_health(response, call.initial_metadata())


def test_health_tells_what_cannot_be_reached_at_that_moment(server: Server) -> None:
    reachable = {"broker": False, "mail server": False, "database": True}
    server.report([Dependency(name=name, is_available=lambda name=name: reachable[name]) for name in reachable])  # type: ignore[misc]
    server.ready(True)
    before = checked(server)
    assert (before.serving, before.unavailable) == (True, ("broker", "mail server"))
    assert before.version
    reachable["broker"] = True
    assert checked(server).unavailable == ("mail server",)
    reachable.update(dict.fromkeys(reachable, True))
    server.ready(False)
    after = checked(server)
    assert (after.serving, after.unavailable) == (False, ())


class _Collector(BaseHTTPRequestHandler):
    status = 200
    received: list[tuple[str, str | None, bytes]]

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.received.append((self.path, self.headers["X-Api-Key"], body))
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class names it
        pass


@contextmanager
def collector(status: int) -> Iterator[tuple[str, list[tuple[str, str | None, bytes]]]]:
    received: list[tuple[str, str | None, bytes]] = []
    handler = type("Handler", (_Collector,), {"status": status, "received": received})
    with HTTPServer(("127.0.0.1", 0), handler) as http:
        thread = threading.Thread(target=http.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{http.server_port}", received
        http.shutdown()
        thread.join()


@pytest.mark.parametrize("status", [200, 202, 400])
def test_a_collector_that_takes_exports_passes(monkeypatch: pytest.MonkeyPatch, status: int) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-api-key=open%20sesame")
    with collector(status) as (endpoint, received):
        probe_collector(f"{endpoint}/")
    assert received == [("/v1/traces", "open sesame", ExportTraceServiceRequest().SerializeToString())]


@pytest.mark.parametrize("status", [401, 403, 404, 503])
def test_what_responds_but_takes_no_exports_is_named(status: int) -> None:
    with collector(status) as (endpoint, _), pytest.raises(CollectorUnavailable, match=f"HTTP {status}"):
        probe_collector(endpoint)


def test_a_collector_that_is_not_there_or_silent_is_told_apart() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        endpoint = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(CollectorUnavailable, match="timed out"):
            probe_collector(endpoint, timeout=0.1)
    with pytest.raises(CollectorUnavailable, match="Connection refused"):
        probe_collector(endpoint)
