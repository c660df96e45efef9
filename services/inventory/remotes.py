"""What inventory asks other services."""

from __future__ import annotations

from typing import Final, Protocol

import grpc
from bookstore.catalog.v1 import catalog_errors
from bookstore.catalog.v1.book_pb2 import Book
from bookstore.catalog.v1.catalog_service_pb2 import GetBookRequest
from bookstore.catalog.v1.catalog_service_pb2_grpc import CatalogServiceStub
from bookstore.inventory.v1.inventory_errors import BookIsDigital, BookNotFound

_DIGITAL: Final = frozenset({Book.FORMAT_EBOOK, Book.FORMAT_AUDIOBOOK})


class Books(Protocol):
    """Knows which books there are."""

    def require_printed(self, book_id: str) -> None:
        """Raises BookNotFound, or BookIsDigital for a book that is a file."""
        ...


class GrpcBooks:
    """Asks the catalog."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._catalog = CatalogServiceStub(channel)

    def require_printed(self, book_id: str) -> None:
        """Raises BookNotFound for an unknown or deleted book and BookIsDigital for a file; DependencyUnavailable or
        DeadlinePassed when the catalog does not answer.
        """
        try:
            book = self._catalog.GetBook(GetBookRequest(name=f"books/{book_id}"))
        except catalog_errors.BookNotFound as error:
            raise BookNotFound(book=f"books/{book_id}") from error
        if book.state == Book.STATE_DELETED:  # staff, for whom the call is made, are shown deleted books
            raise BookNotFound(book=f"books/{book_id}")
        if book.format in _DIGITAL:
            raise BookIsDigital(book=f"books/{book_id}")
