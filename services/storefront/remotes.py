"""What the storefront asks other services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import grpc
from bookstore.catalog.v1.book_pb2 import Book
from bookstore.catalog.v1.catalog_service_pb2 import BatchGetBooksRequest
from bookstore.catalog.v1.catalog_service_pb2_grpc import CatalogServiceStub
from bookstore.inventory.v1.inventory_errors import StockNotFound
from bookstore.inventory.v1.inventory_service_pb2 import GetStockRequest
from bookstore.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from bookstore.inventory.v1.stock_pb2 import Stock
from bookstore.promotions.v1.promotion_pb2 import Promotion
from bookstore.promotions.v1.promotions_service_pb2 import ListPromotionsRequest
from bookstore.promotions.v1.promotions_service_pb2_grpc import PromotionServiceStub
from bookstore.storefront.v1.storefront_errors import BookNotFound
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from chassis.health import Health, read_health

_OPTIONAL_SECONDS: Final = 0.5  # an optional part may not take most of the page's two seconds
_HEALTH_SECONDS: Final = 1.0


class Catalog(Protocol):
    """Knows the books."""

    def book(self, name: str) -> Book:
        """An active book. Raises BookNotFound."""
        ...


class Inventory(Protocol):
    """Knows the stock."""

    def stock(self, book_id: str) -> Stock | None:
        """The stock of a book as customers see it; None when no copy ever arrived."""
        ...


class Promotions(Protocol):
    """Knows the promotions."""

    def active(self) -> list[Promotion]:
        """Active promotions, in falling priority."""
        ...


class HealthChecks(Protocol):
    """Knows how one service is doing."""

    def check(self, service: str) -> Health:
        """What the service reports of itself. Raises ServiceError when it does not respond."""
        ...


class GrpcCatalog:
    """The catalog service."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = CatalogServiceStub(channel)

    def book(self, name: str) -> Book:
        """An active book, for everybody: staff too see the page as it is shown. Raises BookNotFound."""
        found = self._stub.BatchGetBooks(BatchGetBooksRequest(names=[name], allow_missing=True)).books
        if not found:
            raise BookNotFound(book=name)
        return found[0]


class GrpcInventory:
    """The inventory service."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = InventoryServiceStub(channel)

    def stock(self, book_id: str) -> Stock | None:
        """The stock of a book as customers see it; None when no copy ever arrived."""
        try:
            stock = self._stub.GetStock(GetStockRequest(name=f"stocks/{book_id}"), timeout=_OPTIONAL_SECONDS)
        except StockNotFound:
            return None
        stock.ClearField("on_hand")
        stock.ClearField("reserved")
        return stock


class GrpcPromotions:
    """The promotions service."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._stub = PromotionServiceStub(channel)

    def active(self) -> list[Promotion]:
        """Active promotions, in falling priority."""
        answer = self._stub.ListPromotions(ListPromotionsRequest(), timeout=_OPTIONAL_SECONDS)
        return sorted(answer.promotions, key=lambda promotion: (-promotion.priority, promotion.name))


class GrpcHealthChecks:
    """The health of every service, by the gRPC health protocol."""

    def __init__(self, channels: Mapping[str, grpc.Channel]) -> None:
        self._stubs = {service: HealthStub(channel) for service, channel in channels.items()}

    def check(self, service: str) -> Health:
        """What the service reports of itself. Raises ServiceError when it does not respond."""
        check = self._stubs[service].Check  # type: ignore[attr-defined]  # missing in the stubs
        response, call = check.with_call(health_pb2.HealthCheckRequest(), timeout=_HEALTH_SECONDS)
        return read_health(response, call.initial_metadata() or ())
