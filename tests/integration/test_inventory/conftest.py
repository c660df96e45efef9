"""A running inventory with an empty database, and the catalog it asks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import grpc
import pytest
from bookstore.catalog.v1.book_pb2 import Book
from bookstore.catalog.v1.catalog_errors import BookNotFound
from bookstore.catalog.v1.catalog_service_pb2 import GetBookRequest
from bookstore.catalog.v1.catalog_service_pb2_grpc import CatalogServiceServicer, add_CatalogServiceServicer_to_server
from bookstore.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub

from chassis.call import caller
from chassis.service import Runtime, Service, Servicer
from chassis.testing import FakeClock, Served, running
from services.inventory.app import build


class FakeCatalog(CatalogServiceServicer):
    """Books whose name says what they are; others do not exist."""

    books: ClassVar = {
        **{f"books/{name}": Book(format=Book.FORMAT_PAPERBACK) for name in ("dune", "emma", "ulysses")},
        "books/file": Book(format=Book.FORMAT_EBOOK),
        "books/sound": Book(format=Book.FORMAT_AUDIOBOOK),
        "books/deleted": Book(format=Book.FORMAT_HARDCOVER, state=Book.STATE_DELETED),
    }

    def GetBook(self, request: GetBookRequest, context: grpc.ServicerContext) -> Book:
        """Answers inventory, which asks on behalf of staff."""
        assert caller().service == "inventory"
        assert caller().is_staff
        if request.name not in self.books:
            raise BookNotFound(book=request.name)
        return self.books[request.name]


def build_catalog(runtime: Runtime) -> Service:
    servicer = Servicer(add_CatalogServiceServicer_to_server, FakeCatalog())  # type: ignore[abstract]
    return Service(name="catalog", servicers=(servicer,))


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with running("catalog", build_catalog, folder=tmp_path_factory.mktemp("catalog"), migrations=False) as served:
        yield served


@pytest.fixture
def inventory(tmp_path: Path, catalog: Served, clock: FakeClock) -> Iterator[Served]:
    with running("inventory", build, folder=tmp_path, targets={"catalog": catalog.address}, clock=clock) as served:
        yield served


@pytest.fixture
def staff(inventory: Served) -> InventoryServiceStub:
    return inventory.stub(InventoryServiceStub, user="users/staff", roles=("customer", "staff"))


@pytest.fixture
def customer(inventory: Served) -> InventoryServiceStub:
    return inventory.stub(InventoryServiceStub, user="users/1")


@pytest.fixture
def anyone(inventory: Served) -> InventoryServiceStub:
    return inventory.stub(InventoryServiceStub)


@pytest.fixture
def orders(inventory: Served) -> InventoryServiceStub:
    return inventory.stub(InventoryServiceStub, service="orders")
