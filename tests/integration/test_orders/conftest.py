"""Orders behind its real server, with fakes for the services around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bookstore.orders.v1.orders_service_pb2_grpc import OrderServiceStub

from chassis.testing import FakeClock, Served, running
from services.orders.app import assemble
from tests.integration.test_orders.fakes import Shop
from tests.integration.test_orders.harness import BUYER, CART


@pytest.fixture
def shop() -> Shop:
    shop = Shop(copies=10, shipping=390)
    shop.carts.put(CART, {"books/dune": 2, "books/emma": 1})
    shop.carts.put("carts/bob", {"books/emma": 1})
    return shop


@pytest.fixture
def served(tmp_path: Path, shop: Shop, clock: FakeClock) -> Iterator[Served]:
    with running("orders", lambda runtime: assemble(runtime, shop.remotes), folder=tmp_path, clock=clock) as served:
        yield served


@pytest.fixture
def buyer(served: Served) -> OrderServiceStub:
    return served.stub(OrderServiceStub, user=BUYER)


@pytest.fixture
def stranger(served: Served) -> OrderServiceStub:
    return served.stub(OrderServiceStub, user="users/bob")


@pytest.fixture
def staff(served: Served) -> OrderServiceStub:
    return served.stub(OrderServiceStub, user="users/staff", roles=("customer", "staff"))


@pytest.fixture
def anyone(served: Served) -> OrderServiceStub:
    return served.stub(OrderServiceStub)
