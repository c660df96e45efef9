"""The state of the shop from what its services report."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import timedelta

import pytest
from bookstore.ops.v1.status_pb2 import ServiceStatus, Status

from chassis.channel import known_services
from chassis.health import Health
from chassis.testing import FakeClock
from chassis.v1.platform_errors import DependencyUnavailable
from services.storefront.availability import REQUIRED
from services.storefront.status import ShopStatus

WELL = Health(serving=True, version="1.2.3")
DOWN = Health(serving=False, version="1.2.3", unavailable=("database",))
WITHOUT_BROKER = Health(serving=True, version="1.2.3", unavailable=("broker",))
SILENT = None


class FakeHealthChecks:
    """Every service of the contracts, well unless something else is given; counts how often it was asked."""

    def __init__(self, **reports: Health | None) -> None:
        self.reports: dict[str, Health | None] = {**dict.fromkeys(known_services(), WELL), **reports}
        self.asked = 0

    def check(self, service: str) -> Health:
        self.asked += 1
        report = self.reports[service]
        if report is None:
            raise DependencyUnavailable(service=service, detail="does not respond")
        return report


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def status(executor: Executor, **reports: Health | None) -> Status:
    checks = FakeHealthChecks(**reports)
    return ShopStatus(list(checks.reports), health=checks, executor=executor, clock=FakeClock()).status()


def of(found: Status, service: str) -> ServiceStatus:
    return next(one for one in found.services if one.name == service)


def test_the_shop_serves_while_every_service_does(executor: Executor) -> None:
    found = status(executor)
    assert found.state == Status.STATE_SERVING
    assert [service.name for service in found.services] == known_services()
    assert {service.version for service in found.services} == {"1.2.3"}


@pytest.mark.parametrize("report", [DOWN, SILENT])
@pytest.mark.parametrize("service", known_services())
def test_one_dead_service_stops_the_sale_only_when_a_purchase_needs_it(
    executor: Executor, service: str, report: Health | None
) -> None:
    found = status(executor, **{service: report})
    expected = Status.STATE_NOT_SERVING if service in REQUIRED else Status.STATE_DEGRADED
    assert found.state == expected
    assert of(found, service).state == (Status.STATE_UNKNOWN if report is None else Status.STATE_NOT_SERVING)
    assert of(found, service).required == (service in REQUIRED)


def test_what_cannot_be_reached_is_named_and_degrades_the_shop(executor: Executor) -> None:
    found = status(executor, orders=WITHOUT_BROKER)
    assert found.state == of(found, "orders").state == Status.STATE_DEGRADED
    assert list(of(found, "orders").unavailable) == ["broker"]


def test_every_required_service_exists_and_some_service_is_optional() -> None:
    assert set(known_services()) > REQUIRED


def test_the_services_are_asked_once_a_second(executor: Executor) -> None:
    clock, checks = FakeClock(), FakeHealthChecks()
    shop = ShopStatus(["catalog", "orders"], health=checks, executor=executor, clock=clock)
    assert shop.status().state == shop.status().state == Status.STATE_SERVING
    assert checks.asked == 2
    checks.reports["orders"] = SILENT
    clock.advance(timedelta(seconds=1))
    assert shop.status().state == Status.STATE_NOT_SERVING
