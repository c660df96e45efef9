"""Running promotions with an empty database, and the catalog they ask."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bookstore.catalog.v1.book_pb2 import Book
from bookstore.promotions.v1.promotions_service_pb2_grpc import PromotionServiceStub

from chassis.testing import FakeClock, Served, running
from services.promotions.app import build
from tests.integration.fake_catalog import FakeCatalog, book


@pytest.fixture(scope="module")
def catalog() -> FakeCatalog:
    return FakeCatalog(  # type: ignore[abstract]  # answers what promotions ask, no more
        book("emma", 1000, "Classics"),
        book("dune", 900, "Fantasy"),
        book("ulysses", 800),
        book("file", 500, format=Book.FORMAT_EBOOK),
        book("dollar", 700, currency="USD"),
    )


@pytest.fixture(scope="module")
def catalog_address(catalog: FakeCatalog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running("catalog", catalog.build, folder=tmp_path_factory.mktemp("catalog"), migrations=False) as served:
        yield served.address


@pytest.fixture
def served(catalog_address: str, clock: FakeClock, tmp_path: Path) -> Iterator[Served]:
    with running("promotions", build, folder=tmp_path, targets={"catalog": catalog_address}, clock=clock) as promotions:
        yield promotions


@pytest.fixture
def anyone(served: Served) -> PromotionServiceStub:
    return served.stub(PromotionServiceStub)


@pytest.fixture
def staff(served: Served) -> PromotionServiceStub:
    return served.stub(PromotionServiceStub, user="users/staff", roles=("staff",))
