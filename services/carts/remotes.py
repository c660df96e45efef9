"""What carts ask other services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Protocol

import grpc
from bookstore.carts.v1.carts_errors import BookNotFound, CurrencyMismatch
from bookstore.catalog.v1.catalog_service_pb2 import BatchGetBooksRequest
from bookstore.catalog.v1.catalog_service_pb2_grpc import CatalogServiceStub
from bookstore.promotions.v1 import promotions_errors
from bookstore.promotions.v1.promotions_service_pb2 import BasketLine, PriceBasketRequest
from bookstore.promotions.v1.promotions_service_pb2_grpc import PromotionServiceStub
from bookstore.promotions.v1.quote_pb2 import Quote

from chassis.kernel import ErrorKind, ServiceError
from services.carts.cart import Seen

_PATIENCE_SECONDS: Final = 1.0
"""A quote is optional: waiting for it must leave time to answer without one."""
_NOT_NOW: Final = frozenset(
    {ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE_EXCEEDED, ErrorKind.RESOURCE_EXHAUSTED, ErrorKind.INTERNAL}
)


class Prices(Protocol):
    """Knows what baskets cost."""

    def quote(self, quantities: Mapping[str, int], coupons: Sequence[str]) -> Quote | None:
        """The price of these copies (by `books/…`) now; None when it cannot be had. Raises CurrencyMismatch."""
        ...


class Catalog(Protocol):
    """Knows the books."""

    def book(self, book: str) -> Seen:
        """A book that is for sale. Raises BookNotFound."""
        ...


class GrpcPrices:
    """Asks promotions."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._promotions = PromotionServiceStub(channel)

    def quote(self, quantities: Mapping[str, int], coupons: Sequence[str]) -> Quote | None:
        """See Prices."""
        lines = [BasketLine(book=book, quantity=quantity) for book, quantity in quantities.items()]
        request = PriceBasketRequest(lines=lines, coupons=coupons, allow_missing=True)
        try:
            return self._promotions.PriceBasket(request, timeout=_PATIENCE_SECONDS)
        except promotions_errors.CurrencyMismatch as error:
            raise CurrencyMismatch(**error.metadata) from error
        except ServiceError as error:
            if error.kind not in _NOT_NOW:  # the request itself was wrong: a defect, not a dependency that is down
                raise
            return None


class GrpcCatalog:
    """Asks the catalog."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._catalog = CatalogServiceStub(channel)

    def book(self, book: str) -> Seen:
        """See Catalog. Raises DependencyUnavailable or DeadlinePassed when the catalog does not answer."""
        books = self._catalog.BatchGetBooks(BatchGetBooksRequest(names=[book], allow_missing=True)).books
        if not books:
            raise BookNotFound(book=book)
        return Seen(title=books[0].title, currency=books[0].price.currency_code)
