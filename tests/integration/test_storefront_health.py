"""The health of the whole shop, as the edge reads it from the storefront."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse

from chassis.contract import processes_by_service, public_contract
from chassis.health import Health
from chassis.service import Runtime, Service
from chassis.testing import FakeClock, Served, running
from chassis.v1.platform_errors import DependencyUnavailable
from services.storefront.app import build as build_storefront
from services.storefront.shop_health import SERVICE, ShopHealth
from services.storefront.status import ShopStatus
from tests.limits import HANG_SECONDS

ORDERS = "bookstore.orders.v1.OrderService"
STATUS = "bookstore.ops.v1.StatusService"
REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"


class Shop:
    """Nine processes, some of which are down, and the storefront that reports their health."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.asked = 0
        self.clock = FakeClock()
        self.served_by = processes_by_service(public_contract())
        self.served: Served

    def check(self, service: str) -> Health:
        self.asked += 1
        if service in self.down:
            raise DependencyUnavailable(service=service, detail="does not answer")
        return Health(serving=True, version="1.0")

    def changes(self, *down: str) -> None:
        self.down = set(down)
        self.clock.advance(timedelta(seconds=2))

    def build(self, runtime: Runtime) -> Service:
        processes = sorted(set(self.served_by.values()))
        self.executor = ThreadPoolExecutor(len(processes))
        status = ShopStatus(processes, health=self, executor=self.executor, clock=self.clock)
        self.health = ShopHealth(status, self.served_by)
        return Service(name="storefront", servicers=(), unguarded=self.health.handlers())

    def reports(self, service: str = "") -> str:
        with grpc.insecure_channel(self.served.address) as channel:
            check = channel.unary_unary(
                f"/{SERVICE}/Check",
                request_serializer=HealthCheckRequest.SerializeToString,
                response_deserializer=HealthCheckResponse.FromString,
            )
            answer = check(HealthCheckRequest(service=service), timeout=HANG_SECONDS)
            return HealthCheckResponse.ServingStatus.Name(answer.status)


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    shop = Shop()
    with running("storefront", shop.build, folder=tmp_path, migrations=False) as served:
        shop.served = served
        yield shop
    shop.executor.shutdown()


@pytest.fixture
def channel(shop: Shop) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(shop.served.address) as channel:
        yield channel


def watch(channel: grpc.Channel, service: str) -> Any:
    stream = channel.unary_stream(
        f"/{SERVICE}/Watch",
        request_serializer=HealthCheckRequest.SerializeToString,
        response_deserializer=HealthCheckResponse.FromString,
    )
    return stream(HealthCheckRequest(service=service), timeout=60)


def test_the_shop_and_every_service_of_the_contract_have_a_health(shop: Shop) -> None:
    assert {shop.reports(name) for name in ("", *shop.served_by)} == {"SERVING"}


def test_a_process_that_is_down_is_reported_under_the_services_it_serves(shop: Shop) -> None:
    shop.changes("storefront")
    assert (shop.reports(STATUS), shop.reports(ORDERS)) == ("NOT_SERVING", "SERVING")
    shop.changes("orders")
    assert (shop.reports(STATUS), shop.reports(ORDERS)) == ("SERVING", "NOT_SERVING")
    assert shop.reports() == "NOT_SERVING"
    shop.changes()
    assert (shop.reports(ORDERS), shop.reports()) == ("SERVING", "SERVING")


def test_a_name_that_is_no_service_is_not_found(shop: Shop) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        shop.reports("bookstore.Nothing")
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    assert "bookstore.Nothing" in str(raised.value.details())


def test_checks_do_not_make_the_storefront_ask_more_often_than_once_a_second(shop: Shop) -> None:
    for _ in range(5):
        shop.reports()
    assert shop.asked == len(set(shop.served_by.values()))


def test_a_watch_streams_the_state_and_then_every_change(shop: Shop, channel: grpc.Channel) -> None:
    states = (HealthCheckResponse.ServingStatus.Name(answer.status) for answer in watch(channel, ORDERS))
    assert next(states) == "SERVING"
    worker = shop.health.worker()
    worker.start()
    try:
        shop.changes("orders")
        worker.wake()
        assert next(states) == "NOT_SERVING"
        shop.changes("carts")
        worker.wake()
        assert next(states) == "SERVING"
    finally:
        assert worker.stop(timedelta(seconds=30))


def test_a_watch_of_a_name_that_is_no_service_says_so_and_stays_open(channel: grpc.Channel) -> None:
    stream = watch(channel, "bookstore.Nothing")
    assert next(stream).status == HealthCheckResponse.SERVICE_UNKNOWN
    assert stream.is_active()
    stream.cancel()


def test_many_watches_hold_no_thread(shop: Shop, channel: grpc.Channel) -> None:
    streams = [watch(channel, "") for _ in range(40)]
    for stream in streams:
        assert next(stream).status == HealthCheckResponse.SERVING
    assert shop.reports() == "SERVING"


@pytest.mark.parametrize(("environment", "there"), [("development", True), ("production", False)])
def test_production_has_health_and_no_reflection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: str, there: bool
) -> None:
    monkeypatch.setenv("BOOKSTORE_ENVIRONMENT", environment)
    with (
        running("storefront", build_storefront, folder=tmp_path, migrations=False) as served,
        grpc.insecure_channel(served.address) as channel,
    ):
        assert next(watch(channel, "")).status == HealthCheckResponse.NOT_SERVING  # the others are not running
        call: Any = channel.stream_stream(REFLECTION)
        reflection = call(iter([b"\x3a\x01*"]), timeout=HANG_SECONDS)  # list_services: "*"
        if there:
            assert ORDERS.encode() in next(reflection)
        else:
            with pytest.raises(grpc.RpcError) as raised:
                next(reflection)
            assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
