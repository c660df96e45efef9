"""The life of one service process: start, serve, work in the background, stop in order."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

import structlog
from opentelemetry import metrics

from chassis import migrations, telemetry
from chassis.broker import Broker, NatsBroker
from chassis.credentials import Credentials, CredentialsMissing
from chassis.health import Dependency
from chassis.inbox import Consumer
from chassis.interceptors import ServerContext
from chassis.kernel import SystemClock, SystemIds
from chassis.outbox import Relay
from chassis.server import Server
from chassis.service import Build, Runtime, Service, TokenIssuer
from chassis.settings import ChassisSettings, Environment, Misconfigured, TraceExport, read_settings
from chassis.trace_collector import probe_collector
from chassis.v1.platform_errors import StorageUnavailable
from chassis.worker import Worker

_log = structlog.get_logger("process")
_STOP_WORKER: Final = timedelta(seconds=3)
_PROBE_EVERY: Final = timedelta(seconds=2)
_RELAY_EVERY: Final = timedelta(seconds=1)
_PURGE_EVERY: Final = timedelta(minutes=10)
_COLLECTOR_EVERY: Final = timedelta(seconds=30)


def serve(name: str, build: Build, *, tokens: TokenIssuer | None = None, version: str = "") -> int:
    """Runs the service until SIGTERM or SIGINT; returns the exit code. What prevents the start is said in one line.

    `tokens` says whose access tokens are accepted; without it every caller is anonymous.
    """
    try:
        settings = read_settings(ChassisSettings)
        stop_telemetry = telemetry.configure(settings, name, instance=f"{name}-{os.getpid()}")
        return _serve(name, build, settings, stop_telemetry, tokens, version)
    except (Misconfigured, CredentialsMissing, StorageUnavailable, migrations.SchemaOutdated) as error:
        print(f"{name} cannot start: {error}", file=sys.stderr)  # noqa: T201  # for whoever started it
        return 1


def _serve(
    name: str,
    build: Build,
    settings: ChassisSettings,
    stop_telemetry: Callable[[], None],
    tokens: TokenIssuer | None,
    version: str,
) -> int:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    if settings.core is not None:
        os.sched_setaffinity(0, {settings.core})
    runtime = _runtime(name, settings)
    service = build(runtime)
    if runtime.has_database:
        migrations.check(runtime.database, name)
    context = ServerContext(
        ids=runtime.ids,
        answers=runtime.answers if runtime.has_database else None,
        mutual_tls=runtime.credentials is not None,
        tokens=tokens.verifier(service, runtime) if tokens is not None else None,
    )
    server = Server(service, settings=settings, context=context, credentials=runtime.credentials, version=version)
    relay, workers = _background(service, runtime, server)
    server.start()
    for worker in workers:
        worker.start()
    _log.info("serving", address=settings.listen, port=server.port, services=server.service_names)
    stopping.wait()
    _log.info("stopping")
    server.stop()
    for worker in workers:
        if not worker.stop(_STOP_WORKER):
            _log.warning("a worker did not stop in time", worker=worker.name)
    if relay is not None:
        relay.stop()
    runtime.close()
    stop_telemetry()
    return 0


def _runtime(name: str, settings: ChassisSettings) -> Runtime:
    if settings.tls_dir is None and settings.environment is Environment.PRODUCTION:
        raise Misconfigured("BOOKSTORE_TLS_DIR: in production services know each other by certificate; set the folder")
    credentials = Credentials.load(settings.tls_dir, name) if settings.tls_dir is not None else None

    def connect() -> Broker:
        url = settings.nats_url.get_secret_value()
        if not url:
            raise Misconfigured("BOOKSTORE_NATS_URL: this service sends or receives events and needs a broker's URL")
        return NatsBroker(url, name=name)

    return Runtime(
        name,
        chassis=settings,
        clock=SystemClock(),
        ids=SystemIds(),
        connect=connect,
        credentials=credentials,
        traced=settings.traced,
    )


def _background(service: Service, runtime: Runtime, server: Server) -> tuple[Relay | None, tuple[Worker, ...]]:
    """Readiness, relay, consumer, purges and what the service itself does, as workers; health reports on them."""
    readiness = _readiness(runtime, server)
    workers = [*service.workers, readiness]
    dependencies = [*service.dependencies]
    purges: list[Callable[[], int]] = []
    relay: Relay | None = None
    if runtime.has_database:
        purges.append(runtime.answers.purge)
    if runtime.has_outbox:
        relay = Relay(runtime.database, runtime.broker, clock=runtime.clock, holder=service.name)
        relay.report_to(metrics.get_meter("bookstore.chassis"))
        publish = Worker("relay", _RELAY_EVERY, relay.run)
        runtime.database.on_commit(publish.wake)
        workers.append(publish)
        purges.append(relay.purge)
    if service.subscriptions:
        consumer = Consumer(
            runtime.database,
            runtime.broker,
            clock=runtime.clock,
            name=service.name,
            subscriptions=service.subscriptions,
        )
        workers.append(Worker("consumer", timedelta(), consumer.run))
        purges.append(consumer.purge)
    if purges:
        workers.append(_purging(purges))
    if runtime.has_database:
        dependencies.append(Dependency(name="database", is_available=lambda: not readiness.failures))
    if runtime.has_broker:
        dependencies.append(Dependency(name="broker", is_available=lambda: runtime.broker.is_connected))
    if runtime.chassis.trace_export is TraceExport.OTLP:
        collecting = Worker("collector", _COLLECTOR_EVERY, lambda: probe_collector(runtime.chassis.otlp_endpoint))
        workers.append(collecting)
        dependencies.append(Dependency(name="trace collector", is_available=lambda: not collecting.failures))
    server.report(dependencies)
    return relay, tuple(workers)


def _readiness(runtime: Runtime, server: Server) -> Worker:
    """Serving means that the database answers; without the broker reads and writes go on, and events wait."""

    def probe() -> None:
        try:
            if runtime.has_database:
                runtime.database.ping()
        except StorageUnavailable:
            server.ready(False)
            raise
        server.ready(True)

    return Worker("readiness", _PROBE_EVERY, probe)


def _purging(purges: Sequence[Callable[[], int]]) -> Worker:
    def purge() -> None:
        for run in purges:
            while run():
                pass

    return Worker("purge", _PURGE_EVERY, purge)
