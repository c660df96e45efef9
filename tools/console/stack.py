"""The real stack of this repository, put together from the settings."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from typing import Final

from chassis.settings import ChassisSettings
from tools.console import binaries
from tools.console.broker import Broker
from tools.console.edge import Edge, configure
from tools.console.environment import read
from tools.console.external import address
from tools.console.first_run import ADMINISTRATOR
from tools.console.page_routes import publish
from tools.console.pages import Shop, pages
from tools.console.ports import LOOPBACK, free_ports, reachable
from tools.console.probes import NATS_BANNER, BannerProbe, EdgeDrain, EdgeProbe, HealthProbe
from tools.console.process import Program
from tools.console.services import service_names
from tools.console.settings import ConsoleSettings
from tools.console.supervisor import Stack, Task
from tools.console.topology import (
    Endpoint,
    certificate_names,
    endpoints,
    service_environment,
    shared_environment,
)

BROKER: Final = "nats"
EDGE_PROCESS: Final = "envoy"
_STOP_BROKER_WITHIN: Final = 1.0  # seconds
_STOP_SERVICE_WITHIN: Final = 5.0
_STOP_EDGE_WITHIN: Final = 1.0
_MODULE: Final = ("-P", "-m")  # without the working directory, whose packages may have the names of ours


def assemble(settings: ConsoleSettings, *, seed: bool = True, warnings: tuple[str, ...] = ()) -> Stack:
    """Makes folders, certificates and configuration, chooses ports, and says what is to be run.

    Without `seed` a new shop gets its administrator but no books. Raises EdgeIncomplete, BinaryMissing, NoFreePort,
    SettingsInvalid.
    """
    folder = settings.folder
    services = service_names()
    folder.make()
    folder.certificates.ensure(certificate_names(services), now=datetime.now(UTC))
    fixed = list(settings.fixed_ports.values())
    broker = None if settings.nats_url else Broker.on(free_ports(1, avoid=fixed)[0])
    shared = shared_environment(settings, nats_url=broker.url if broker else settings.nats_url)
    places = endpoints(services, avoid=[*fixed, broker.port] if broker else fixed)
    seed = seed and settings.environment == "development"  # the demo customers' passwords are no secret
    opening = ("seed",) if seed else ("seed", "--administrator-only")
    shop = _shop(settings)
    return Stack(
        http=shop.http,
        grpc=shop.grpc,
        admin=shop.admin,
        environment=settings.environment,
        broker=_broker(settings, broker, shared) if broker else None,
        migration=Task(
            title="migration", command=_bookstore("migrate"), environment=shared, log=folder.log("migration")
        ),
        services=tuple(_service(settings, place, places, shared) for place in places),
        edge=_edge(settings, shop, places, shared),
        drain=EdgeDrain(f"http://{LOOPBACK}:{settings.admin_port}"),
        logs=folder.logs,
        opening=None
        if folder.seeded.exists()
        else Task(
            title="administrator and books" if seed else "administrator",
            command=_bookstore(*opening),
            environment=shared,
            log=folder.log("seed"),
        ),
        places={
            f"password of {ADMINISTRATOR}": folder.administrator_password,
            **({"demo customers and their passwords": folder.demo_customers} if shop.development else {}),
            "mail": f"sent by {address(settings.smtp_url)}" if settings.smtp_url else folder.mail,
            "logs": folder.logs,
        },
        warnings=warnings,
    )


def _shop(settings: ConsoleSettings) -> Shop:
    folder, development = settings.folder, settings.environment == "development"
    return Shop(
        http=f"http://{reachable(settings.bind)}:{settings.http_port}",
        grpc=f"{reachable(settings.bind)}:{settings.grpc_port}",
        admin=f"http://{LOOPBACK}:{settings.admin_port}",
        development=development,
        locations={
            **({} if settings.smtp_url else {"Mail": folder.mail}),
            "Logs": folder.logs,
            f"Password of {ADMINISTRATOR}": folder.administrator_password,
            **({"Demo customers and their passwords": folder.demo_customers} if development else {}),
        },
    )


def _bookstore(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, *_MODULE, "tools.console", *arguments)


def _broker(settings: ConsoleSettings, broker: Broker, environment: dict[str, str]) -> Program:
    configuration = settings.folder.run / "nats.conf"
    broker.configure(configuration, streams=settings.folder.broker)
    return Program(
        name=BROKER,
        command=(str(binaries.nats_server()), "--config", str(configuration)),
        environment=environment,
        log=settings.folder.log(BROKER),
        is_ready=BannerProbe(address=broker.address, banner=NATS_BANNER),
        stop_within=_STOP_BROKER_WITHIN,
        address=broker.address,
    )


def _service(
    settings: ConsoleSettings, place: Endpoint, places: tuple[Endpoint, ...], shared: dict[str, str]
) -> Program:
    return Program(
        name=place.service,
        command=(sys.executable, *_MODULE, "tools.console.serve", place.service),
        environment=service_environment(place, shared, targets={peer.service: [peer.address] for peer in places}),
        log=settings.folder.log(place.service),
        is_ready=HealthProbe(service=place.service, address=place.address, certificates=settings.folder.certificates),
        stop_within=_STOP_SERVICE_WITHIN,
        address=place.address,
        metrics=place.metrics,
    )


def _edge(settings: ConsoleSettings, shop: Shop, places: tuple[Endpoint, ...], environment: dict[str, str]) -> Program:
    folder = settings.folder
    chassis = read(ChassisSettings)
    command = configure(
        Edge(
            bind=settings.bind,
            http_port=settings.http_port,
            grpc_port=settings.grpc_port,
            admin_port=settings.admin_port,
            upstreams={place.service: [place.address] for place in places},
            otlp_endpoint=settings.trace_collector,
            pages=publish(pages(shop), folder.pages),
            trace_sample=chassis.trace_sample if chassis.traced else 0.0,
        ),
        folder,
    )
    return Program(
        name=EDGE_PROCESS,
        command=command,
        folder=folder.run,
        environment=environment,
        log=folder.log(EDGE_PROCESS),
        is_ready=EdgeProbe(admin=f"http://{LOOPBACK}:{settings.admin_port}"),
        stop_within=_STOP_EDGE_WITHIN,
        address=f"{settings.bind}:{settings.http_port}, {settings.bind}:{settings.grpc_port}",
    )
