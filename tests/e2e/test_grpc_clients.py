"""The same shop through native gRPC: generated stubs, reflection and health."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from bookstore.carts.v1 import carts_requests_pb2
from bookstore.carts.v1.carts_service_pb2_grpc import CartServiceStub
from bookstore.catalog.v1 import catalog_service_pb2
from bookstore.identity.v1 import identity_service_pb2, session_service_pb2, user_pb2
from bookstore.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from bookstore.identity.v1.session_service_pb2_grpc import SessionServiceStub
from bookstore.inventory.v1 import inventory_service_pb2
from bookstore.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from bookstore.orders.v1 import orders_requests_pb2
from bookstore.orders.v1.order_pb2 import Order
from bookstore.orders.v1.orders_service_pb2_grpc import OrderServiceStub
from google.type.postal_address_pb2 import PostalAddress
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from chassis.testing import refused
from tests.e2e.conftest import MakeBook
from tests.e2e.shop import PASSWORD
from tests.e2e.stack import Bookstore
from tests.limits import HANG_SECONDS

Metadata = tuple[tuple[str, str], ...]


@pytest.fixture
def channel(bookstore: Bookstore) -> Iterator[grpc.Channel]:
    with grpc.insecure_channel(bookstore.grpc) as channel:
        yield channel


def signed_in(channel: grpc.Channel) -> Metadata:
    email = f"reader-{uuid4().hex}@example.com"
    user = user_pb2.User(email=email, password=PASSWORD, display_name="Gil")
    IdentityServiceStub(channel).CreateUser(identity_service_pb2.CreateUserRequest(user=user))
    session = SessionServiceStub(channel).CreateSession(
        session_service_pb2.CreateSessionRequest(email=email, password=PASSWORD)
    )
    return (("authorization", f"Bearer {session.access_token}"),)


def test_a_purchase_with_generated_stubs_and_the_watch_that_ends_it(channel: grpc.Channel, make_book: MakeBook) -> None:
    metadata = signed_in(channel)
    cart = CartServiceStub(channel).AddItem(
        carts_requests_pb2.AddItemRequest(cart="carts/me", book=make_book(copies=3), quantity=3), metadata=metadata
    )
    assert cart.quote.discount_total.units == 10
    orders = OrderServiceStub(channel)
    order = orders.PlaceOrder(
        orders_requests_pb2.PlaceOrderRequest(
            cart="carts/me",
            payment_method="pm_ok",
            expected_total=cart.quote.total,
            shipping_address=PostalAddress(region_code="DE", locality="Berlin", address_lines=["Invalidenstr. 1"]),
            request_id=str(uuid4()),
        ),
        metadata=metadata,
    )
    assert order.state == Order.STATE_CONFIRMED
    watched = orders.WatchOrder(orders_requests_pb2.WatchOrderRequest(name=order.name), metadata=metadata)
    assert next(watched).order.name == order.name
    orders.CancelOrder(orders_requests_pb2.CancelOrderRequest(name=order.name), metadata=metadata)
    last = next(seen for seen in watched if seen.last)
    assert last.order.state == Order.STATE_CANCELLED


def test_a_slow_payment_answers_pending_and_is_finished_in_the_background(
    channel: grpc.Channel, make_book: MakeBook
) -> None:
    metadata = signed_in(channel)
    cart = CartServiceStub(channel).AddItem(
        carts_requests_pb2.AddItemRequest(cart="carts/me", book=make_book(), quantity=1), metadata=metadata
    )
    orders = OrderServiceStub(channel)
    order = orders.PlaceOrder(
        orders_requests_pb2.PlaceOrderRequest(
            cart="carts/me",
            payment_method="pm_slow",
            expected_total=cart.quote.total,
            shipping_address=PostalAddress(region_code="DE", locality="Berlin", address_lines=["Invalidenstr. 1"]),
            request_id=str(uuid4()),
        ),
        metadata=metadata,
    )
    assert order.state == Order.STATE_PENDING
    watched = orders.WatchOrder(
        orders_requests_pb2.WatchOrderRequest(name=order.name), metadata=metadata, timeout=HANG_SECONDS
    )
    assert any(seen.order.state == Order.STATE_CONFIRMED for seen in watched)


def test_errors_arrive_whole(channel: grpc.Channel) -> None:
    request = orders_requests_pb2.GetOrderRequest(name="orders/none")
    with refused(grpc.StatusCode.NOT_FOUND, "ORDER_NOT_FOUND"):
        OrderServiceStub(channel).GetOrder(request, metadata=signed_in(channel))
    with pytest.raises(grpc.RpcError) as raised:
        OrderServiceStub(channel).GetOrder(request)
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED


def test_internal_methods_are_not_there_for_clients(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        InventoryServiceStub(channel).ReserveStock(
            inventory_service_pb2.ReserveStockRequest(), metadata=signed_in(channel)
        )
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED


def buf_curl(bookstore: Bookstore, path: str, *arguments: str) -> str:
    """Runs `buf curl`, which learns the API by reflection v1 alone, and returns what it prints."""
    done = subprocess.run(
        [
            str(Path(sys.executable).with_name("buf")),
            "curl",
            "--http2-prior-knowledge",
            *arguments,
            f"http://{bookstore.grpc}{path}",
        ],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("protocol", ["grpc", "grpcweb"])
def test_a_client_without_files_lists_and_calls(bookstore: Bookstore, protocol: str) -> None:
    services = buf_curl(bookstore, "", "--protocol", protocol, "--list-services").split()
    assert len([name for name in services if name.startswith("bookstore.")]) >= 10
    methods = buf_curl(bookstore, "", "--protocol", protocol, "--list-methods").split()
    assert "bookstore.orders.v1.OrderService/PlaceOrder" in methods
    assert not {name for name in methods if "Reserve" in name or "Redeem" in name}
    path = "/bookstore.catalog.v1.CatalogService/ListBooks"
    answer = buf_curl(bookstore, path, "--protocol", protocol, "-d", '{"page_size": 2}')
    assert len(json.loads(answer)["books"]) == 2


@pytest.mark.parametrize("service", ["", "bookstore.orders.v1.OrderService", "bookstore.ops.v1.StatusService"])
def test_health_is_that_of_the_shop_and_needs_no_token(channel: grpc.Channel, service: str) -> None:
    health = HealthStub(channel)
    request = health_pb2.HealthCheckRequest(service=service)
    assert health.Check(request, timeout=HANG_SECONDS).status == health_pb2.HealthCheckResponse.SERVING  # type: ignore[attr-defined]
    stale = (("authorization", "Bearer nonsense"),)
    watched = health.Watch(request, metadata=stale, timeout=HANG_SECONDS)  # type: ignore[attr-defined]
    assert next(watched).status == health_pb2.HealthCheckResponse.SERVING
    watched.cancel()


def test_health_of_an_unknown_service_names_it(channel: grpc.Channel) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        HealthStub(channel).Check(health_pb2.HealthCheckRequest(service="bookstore.Nothing"), timeout=HANG_SECONDS)  # type: ignore[attr-defined]
    assert raised.value.code() is grpc.StatusCode.NOT_FOUND
    assert "bookstore.Nothing" in str(raised.value.details())


def test_a_browser_speaks_grpc_web(bookstore: Bookstore) -> None:
    message = catalog_service_pb2.ListBooksRequest(page_size=2).SerializeToString()
    request = urllib.request.Request(  # loopback
        f"http://{bookstore.grpc}/bookstore.catalog.v1.CatalogService/ListBooks",
        data=b"\0" + len(message).to_bytes(4, "big") + message,
        headers={"Content-Type": "application/grpc-web+proto", "X-Grpc-Web": "1"},
    )
    with urllib.request.urlopen(request, timeout=HANG_SECONDS) as response:  # loopback
        body = response.read()
    length = int.from_bytes(body[1:5], "big")
    assert len(catalog_service_pb2.ListBooksResponse.FromString(body[5 : 5 + length]).books) == 2
    assert b"grpc-status:0" in body[5 + length :].replace(b" ", b"")
