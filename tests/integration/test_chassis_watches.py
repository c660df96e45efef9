"""Watches hold no threads: what many clients see, how many there may be and how they end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from bookstore.orders.v1.order_pb2 import Order
from bookstore.orders.v1.orders_errors import OrderNotFound
from bookstore.orders.v1.orders_requests_pb2 import GetOrderRequest, WatchOrderRequest, WatchOrderResponse
from bookstore.orders.v1.orders_service_pb2_grpc import (
    OrderServiceServicer,
    OrderServiceStub,
    add_OrderServiceServicer_to_server,
)

from chassis.call import caller
from chassis.service import Runtime, Service, Servicer
from chassis.testing import TEST_TOKENS, Served, refused, running
from chassis.watches import Send, Update, Watches, non_blocking
from tests.integration.servers import wait_until
from tests.limits import HANG_SECONDS

Stream = Iterator[WatchOrderResponse]
LAST = 1000  # the version after which nothing changes


class Orders(OrderServiceServicer):
    """Orders that consist of a version; all begin with 1."""

    def __init__(self, *, repeat_seconds: float = 15.0) -> None:
        self.watches = Watches(self, repeat_seconds=repeat_seconds)
        self.stored: dict[str, int] = {}
        self.failing = False
        self.failed = threading.Event()

    def change(self, name: str, version: int) -> None:
        self.stored[name] = version
        self.watches.wake()

    def versions(self, names: Collection[str]) -> Mapping[str, int]:
        if self.failing:
            self.failed.set()
            raise RuntimeError("the database is down")
        return {name: self.stored[name] for name in names}

    def update(self, name: str) -> Update:
        order = Order(name=name, etag=str(self.stored[name]))
        return Update(
            version=self.stored[name],
            message=WatchOrderResponse(order=order).SerializeToString(),
            last_message=WatchOrderResponse(order=order, last=True).SerializeToString(),
            final=self.stored[name] == LAST,
        )

    @non_blocking
    def WatchOrder(self, request: WatchOrderRequest, context: grpc.ServicerContext, send: Send) -> None:
        if request.name == "orders/none":
            raise OrderNotFound(order=request.name)
        self.stored.setdefault(request.name, 1)
        owner = caller().user or ""
        self.watches.open(request.name, self.update(request.name), owner=owner, context=context, send=send)

    def GetOrder(self, request: Any, context: Any) -> Order:
        return Order(name=request.name)


@contextmanager
def serving(orders: Orders, folder: Path) -> Iterator[Served]:
    def build(_: Runtime) -> Service:
        servicer = Servicer(add_OrderServiceServicer_to_server, orders)
        return Service(name="orders", servicers=(servicer,), watches=(orders.watches,))

    with running("orders", build, folder=folder, migrations=False) as served:
        yield served


@pytest.fixture
def orders() -> Orders:
    return Orders()  # type: ignore[abstract]  # only what the tests call


@pytest.fixture
def served(orders: Orders, tmp_path: Path) -> Iterator[Served]:
    with serving(orders, tmp_path) as served:
        yield served


@pytest.fixture
def watch(served: Served) -> Callable[..., Stream]:
    stub = served.stub(OrderServiceStub)

    def open_watch(name: str, user: int = 1) -> Stream:
        metadata = (("authorization", TEST_TOKENS.authorization(f"users/{user}")),)
        stream: Stream = stub.WatchOrder(WatchOrderRequest(name=name), metadata=metadata, timeout=HANG_SECONDS)
        return stream

    return open_watch


def seen(stream: Stream) -> tuple[str, bool]:
    message = next(stream)
    return message.order.etag, message.last


@pytest.mark.parametrize("watchers", [6, 300])
def test_watchers_hold_no_threads_and_see_every_change_to_the_end(
    served: Served, orders: Orders, watch: Callable[..., Stream], watchers: int
) -> None:
    books = served.stub(OrderServiceStub, user="users/1")
    books.GetOrder(GetOrderRequest(name="orders/0"))
    before = threading.active_count()
    streams = [watch(f"orders/{number % 7}", user=number // 10) for number in range(watchers)]
    assert [seen(stream) for stream in streams] == [("1", False)] * watchers
    assert orders.watches.count == watchers
    # Two that send, what is left of the sixteen that serve calls, and a few of the client.
    assert threading.active_count() <= before + 2 + 16 + 4
    assert books.GetOrder(GetOrderRequest(name="orders/0")).name == "orders/0"
    for version, last in ((2, False), (LAST, True)):
        for number in range(7):
            orders.change(f"orders/{number}", version)
        assert [seen(stream) for stream in streams] == [(str(version), last)] * watchers
    assert [list(stream) for stream in streams] == [[]] * watchers
    wait_until(lambda: orders.watches.count == 0)


def test_clients_that_leave_during_changes_disturb_no_others(orders: Orders, watch: Callable[..., Stream]) -> None:
    streams: list[Any] = [watch(f"orders/{number % 3}", user=number // 10) for number in range(60)]
    for stream in streams:
        seen(stream)
    for version in range(2, 60):
        for number in range(3):
            orders.change(f"orders/{number}", version)
        streams.pop().cancel() if version % 2 else None
    for number in range(3):
        orders.change(f"orders/{number}", LAST)
    for stream in streams:
        versions = [int(message.order.etag) for message in stream]
        assert versions == sorted(set(versions))
        assert versions[-1] == LAST
    wait_until(lambda: orders.watches.count == 0)


def test_a_user_has_ten_at_most_and_others_theirs(orders: Orders, watch: Callable[..., Stream]) -> None:
    streams: list[Any] = [watch("orders/1") for _ in range(10)]
    for stream in streams:
        seen(stream)
    with refused(grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED") as refusal:
        seen(watch("orders/2"))
    assert refusal.metadata == {"limit": "10"}
    assert "10 watches of yours are open" in refusal.message
    other = watch("orders/2", user=2)
    assert seen(other) == ("1", False)
    streams[0].cancel()
    wait_until(lambda: orders.watches.count == 10)
    assert seen(watch("orders/2")) == ("1", False)


def test_an_error_before_the_first_message_arrives_as_such(watch: Callable[..., Stream], orders: Orders) -> None:
    with refused(grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND"):
        seen(watch("orders/none"))
    with refused(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID"):
        seen(watch("shelves/1"))
    assert orders.watches.count == 0


def test_an_unchanged_resource_is_sent_again_after_a_silence(tmp_path: Path) -> None:
    orders = Orders(repeat_seconds=0.01)  # type: ignore[abstract]  # only what the tests call
    with serving(orders, tmp_path) as served:
        stub = served.stub(OrderServiceStub, user="users/1")
        stream: Stream = stub.WatchOrder(WatchOrderRequest(name="orders/1"), timeout=HANG_SECONDS)
        assert [seen(stream) for _ in range(3)] == [("1", False)] * 3


def test_a_source_that_fails_is_asked_again(orders: Orders, watch: Callable[..., Stream]) -> None:
    stream = watch("orders/1")
    seen(stream)
    orders.failing = True
    orders.change("orders/1", 2)
    assert orders.failed.wait(HANG_SECONDS)
    orders.failing = False
    assert seen(stream) == ("2", False)


def test_a_server_that_stops_ends_watches_with_a_last_message(orders: Orders, tmp_path: Path) -> None:
    with serving(orders, tmp_path) as served:
        stub = served.stub(OrderServiceStub, user="users/1")
        streams: list[Stream] = [stub.WatchOrder(WatchOrderRequest(name="orders/1")) for _ in range(3)]
        assert [seen(stream) for stream in streams] == [("1", False)] * 3
        orders.watches.close()
        assert [seen(stream) for stream in streams] == [("1", True)] * 3
        assert seen(stub.WatchOrder(WatchOrderRequest(name="orders/1"))) == ("1", True)
