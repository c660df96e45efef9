"""What promotions ask other services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

import grpc
from bookstore.catalog.v1.book_pb2 import Book
from bookstore.catalog.v1.catalog_service_pb2 import BatchGetBooksRequest
from bookstore.catalog.v1.catalog_service_pb2_grpc import CatalogServiceStub

from chassis.wire import money_from
from services.promotions.basket import Item, folded

_DIGITAL: Final = frozenset({Book.FORMAT_EBOOK, Book.FORMAT_AUDIOBOOK})


class Catalog(Protocol):
    """Knows the books and their prices."""

    def items(self, quantities: Mapping[str, int]) -> Mapping[str, Item]:
        """The copies of those books (`books/…`) that are for sale, by name."""
        ...


class GrpcCatalog:
    """Asks the catalog service, one call for all books."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._catalog = CatalogServiceStub(channel)

    def items(self, quantities: Mapping[str, int]) -> Mapping[str, Item]:
        """See Catalog. Raises DependencyUnavailable or DeadlinePassed when the catalog does not answer."""
        if not quantities:
            return {}
        request = BatchGetBooksRequest(names=list(quantities), allow_missing=True)
        books = self._catalog.BatchGetBooks(request).books
        return {
            book.name: Item(
                book=book.name,
                title=book.title,
                digital=book.format in _DIGITAL,
                categories=folded(book.categories),
                unit_price=money_from(book.price),
                quantity=quantities[book.name],
            )
            for book in books
        }
