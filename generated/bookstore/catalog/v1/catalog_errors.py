"""The errors of catalog.bookstore. Written by `make protos` from bookstore/catalog/v1/catalog_errors.proto; do not edit."""

from __future__ import annotations

from chassis.service_error import ErrorKind, ServiceError


class BookNotFound(ServiceError):
    """There is no such book, or it is deleted."""

    kind = ErrorKind.NOT_FOUND
    reason = "BOOK_NOT_FOUND"
    domain = "catalog.bookstore"

    def __init__(self, *, book: str | int) -> None:
        super().__init__(f"{book} is not in the catalog", metadata={"book": str(book)})


class BookExists(ServiceError):
    """The book_id is in use."""

    kind = ErrorKind.ALREADY_EXISTS
    reason = "BOOK_EXISTS"
    domain = "catalog.bookstore"

    def __init__(self, *, book: str | int) -> None:
        super().__init__(
            f"{book} already exists; choose another book_id",
            field="book_id",
            metadata={"book": str(book)},
        )


class IsbnTaken(ServiceError):
    """Another book has this ISBN."""

    kind = ErrorKind.ALREADY_EXISTS
    reason = "ISBN_TAKEN"
    domain = "catalog.bookstore"

    def __init__(self, *, book: str | int, isbn13: str | int) -> None:
        super().__init__(
            f"{book} already has the ISBN {isbn13}",
            field="book.isbn13",
            metadata={"book": str(book), "isbn13": str(isbn13)},
        )


class IsbnInvalid(ServiceError):
    """The ISBN has a wrong check digit or is not the number of a book."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "ISBN_INVALID"
    domain = "catalog.bookstore"

    def __init__(self, *, detail: str) -> None:
        super().__init__(detail, field="book.isbn13")


class PriceInvalid(ServiceError):
    """The currency is not accepted, or the amount is finer than its smallest unit."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "PRICE_INVALID"
    domain = "catalog.bookstore"

    def __init__(self, *, detail: str, field: str = "") -> None:
        super().__init__(detail, field=field)


class PublishDateInvalid(ServiceError):
    """The date does not exist."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "PUBLISH_DATE_INVALID"
    domain = "catalog.bookstore"

    def __init__(self, *, detail: str, field: str = "") -> None:
        super().__init__(detail, field=field)


class BookDeleted(ServiceError):
    """A deleted book cannot be changed; undelete it first."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "BOOK_DELETED"
    domain = "catalog.bookstore"

    def __init__(self, *, book: str | int) -> None:
        super().__init__(f"{book} is deleted; undelete it first", metadata={"book": str(book)})


class AccountInactive(ServiceError):
    """The calling account is disabled or deleted."""

    kind = ErrorKind.PERMISSION_DENIED
    reason = "ACCOUNT_INACTIVE"
    domain = "catalog.bookstore"

    def __init__(self, *, user: str | int) -> None:
        super().__init__(f"{user} is not an active account", metadata={"user": str(user)})
