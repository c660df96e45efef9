"""The same shop through native gRPC: generated stubs and the real grpcurl."""

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

from chassis.testing import refused
from tests.e2e.conftest import MakeBook
from tests.e2e.shop import PASSWORD
from tests.e2e.stack import ROOT, Bookstore
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


def test_grpcurl_lists_books(bookstore: Bookstore) -> None:
    answer = subprocess.run(
        [
            str(Path(sys.executable).with_name("grpcurl")),
            "-plaintext",
            "-protoset",
            str(ROOT / "generated" / "descriptor_set.binpb"),
            "-d",
            '{"page_size": 2}',
            bookstore.grpc,
            "bookstore.catalog.v1.CatalogService/ListBooks",
        ],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=True,
    )
    assert len(json.loads(answer.stdout)["books"]) == 2


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
