"""The errors of inventory.bookstore. Written by `make protos` from bookstore/inventory/v1/inventory_errors.proto; do not edit."""

from __future__ import annotations

from chassis.service_error import ErrorKind, ServiceError


class StockNotFound(ServiceError):
    """The book has no stock record."""

    kind = ErrorKind.NOT_FOUND
    reason = "STOCK_NOT_FOUND"
    domain = "inventory.bookstore"

    def __init__(self, *, stock: str | int) -> None:
        super().__init__(f"there is no {stock}", metadata={"stock": str(stock)})


class BookNotFound(ServiceError):
    """There is no such book to open a stock record for."""

    kind = ErrorKind.NOT_FOUND
    reason = "BOOK_NOT_FOUND"
    domain = "inventory.bookstore"

    def __init__(self, *, book: str | int) -> None:
        super().__init__(f"{book} is not in the catalog", metadata={"book": str(book)})


class BookIsDigital(ServiceError):
    """The book is digital and has no stock."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "BOOK_IS_DIGITAL"
    domain = "inventory.bookstore"

    def __init__(self, *, book: str | int) -> None:
        super().__init__(f"{book} is digital and has no stock", metadata={"book": str(book)})


class StockInsufficient(ServiceError):
    """The stock would fall below the copies reserved for orders."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "STOCK_INSUFFICIENT"
    domain = "inventory.bookstore"

    def __init__(self, *, delta: str | int, available: str | int) -> None:
        super().__init__(
            f"the stock cannot change by {delta} copies: only {available} are not reserved for orders",
            metadata={"delta": str(delta), "available": str(available)},
        )


class OutOfStock(ServiceError):
    """Fewer copies are available than requested."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "OUT_OF_STOCK"
    domain = "inventory.bookstore"

    def __init__(self, *, asked: str | int, book: str | int, available: str | int) -> None:
        super().__init__(
            f"{asked} copies of {book} were requested, {available} are available",
            metadata={"asked": str(asked), "book": str(book), "available": str(available)},
        )


class ReservationNotFound(ServiceError):
    """The order has no reservation."""

    kind = ErrorKind.NOT_FOUND
    reason = "RESERVATION_NOT_FOUND"
    domain = "inventory.bookstore"

    def __init__(self, *, reservation: str | int) -> None:
        super().__init__(f"there is no {reservation}", metadata={"reservation": str(reservation)})


class ReservationReleased(ServiceError):
    """The reservation was released."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "RESERVATION_RELEASED"
    domain = "inventory.bookstore"

    def __init__(self, *, reservation: str | int) -> None:
        super().__init__(f"{reservation} was released", metadata={"reservation": str(reservation)})


class ReservationExpired(ServiceError):
    """The reservation has expired and its copies are sold."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "RESERVATION_EXPIRED"
    domain = "inventory.bookstore"

    def __init__(self, *, reservation: str | int) -> None:
        super().__init__(
            f"{reservation} has expired and its copies are sold",
            metadata={"reservation": str(reservation)},
        )


class ReservationMismatch(ServiceError):
    """The order has a reservation of other lines."""

    kind = ErrorKind.ALREADY_EXISTS
    reason = "RESERVATION_MISMATCH"
    domain = "inventory.bookstore"

    def __init__(self, *, reservation: str | int) -> None:
        super().__init__(f"{reservation} holds other lines", field="lines", metadata={"reservation": str(reservation)})


class ReturnExceedsReservation(ServiceError):
    """More copies would be returned than were taken."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "RETURN_EXCEEDS_RESERVATION"
    domain = "inventory.bookstore"

    def __init__(self, *, book: str | int) -> None:
        super().__init__(
            f"more copies of {book} would be returned than were taken",
            field="lines",
            metadata={"book": str(book)},
        )
