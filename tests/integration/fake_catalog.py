"""A catalog behind a real gRPC server that knows the books it is given, for tests of the services that ask it."""

from __future__ import annotations

import threading

import grpc
from bookstore.catalog.v1.book_pb2 import Book
from bookstore.catalog.v1.catalog_errors import BookNotFound
from bookstore.catalog.v1.catalog_service_pb2 import BatchGetBooksRequest, BatchGetBooksResponse
from bookstore.catalog.v1.catalog_service_pb2_grpc import (
    CatalogServiceServicer,
    add_CatalogServiceServicer_to_server,
)

from chassis.service import Runtime, Service, Servicer
from chassis.v1.platform_errors import StorageUnavailable
from tests.money import euros


def book(
    name: str,
    cents: int,
    *categories: str,
    currency: str = "EUR",
    format: Book.Format.ValueType = Book.FORMAT_PAPERBACK,  # noqa: A002  # the contract's name
) -> Book:
    """A book that costs `cents`."""
    price = euros(cents, currency=currency)
    return Book(name=f"books/{name}", title=name.title(), price=price, categories=categories, format=format)


class FakeCatalog(CatalogServiceServicer):
    """Answers the books put into it; counts the calls, and fails when it is down."""

    def __init__(self, *books: Book) -> None:
        self._lock = threading.Lock()
        self._books = {known.name: known for known in books}
        self.calls = 0
        self.down = False

    def put(self, *books: Book) -> None:
        """Adds books or changes them."""
        with self._lock:
            self._books.update((known.name, known) for known in books)

    def remove(self, name: str) -> None:
        """Takes a book out."""
        with self._lock:
            del self._books[name]

    def BatchGetBooks(self, request: BatchGetBooksRequest, context: grpc.ServicerContext) -> BatchGetBooksResponse:
        """See the contract."""
        with self._lock:
            self.calls += 1
            if self.down:
                raise StorageUnavailable
            found = [self._books[name] for name in request.names if name in self._books]
        if len(found) < len(request.names) and not request.allow_missing:
            raise BookNotFound(book=request.names[0])
        return BatchGetBooksResponse(books=found)

    def build(self, runtime: Runtime) -> Service:
        """A service of this catalog."""
        return Service(name="catalog", servicers=(Servicer(add_CatalogServiceServicer_to_server, self),))
