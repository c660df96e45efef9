"""The errors of storefront.bookstore. Written by `make protos` from bookstore/storefront/v1/storefront_errors.proto; do not edit."""

from __future__ import annotations

from chassis.service_error import ErrorKind, ServiceError


class BookNotFound(ServiceError):
    """There is no such book, or it is deleted."""

    kind = ErrorKind.NOT_FOUND
    reason = "BOOK_NOT_FOUND"
    domain = "storefront.bookstore"

    def __init__(self, *, book: str | int) -> None:
        super().__init__(f"{book} is not in the catalog", metadata={"book": str(book)})
