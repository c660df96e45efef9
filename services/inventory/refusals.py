"""Why inventory refuses a call."""

from __future__ import annotations

from chassis.kernel import ErrorKind, ServiceError


class StockNotFound(ServiceError):
    """The book has no stock record; metadata `stock`."""

    kind = ErrorKind.NOT_FOUND
    reason = "STOCK_NOT_FOUND"

    def __init__(self, book_id: str) -> None:
        super().__init__(f"stocks/{book_id} was never opened", stock=f"stocks/{book_id}")


class BookNotFound(ServiceError):
    """There is no such book to open a stock for; metadata `book`."""

    kind = ErrorKind.NOT_FOUND
    reason = "BOOK_NOT_FOUND"

    def __init__(self, book_id: str) -> None:
        super().__init__(f"books/{book_id} is not in the catalog", book=f"books/{book_id}")


class BookIsDigital(ServiceError):
    """The book is a file and has no stock; metadata `book`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "BOOK_IS_DIGITAL"

    def __init__(self, book_id: str) -> None:
        super().__init__(f"books/{book_id} is a file and has no stock", book=f"books/{book_id}")


class StockInsufficient(ServiceError):
    """The stock would fall below the copies promised to orders; metadata `available`, `delta`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "STOCK_INSUFFICIENT"

    def __init__(self, *, available: int, delta: int) -> None:
        super().__init__(
            f"{-delta} copies cannot be taken off, {available} are not promised to orders",
            available=str(available),
            delta=str(delta),
        )


class OutOfStock(ServiceError):
    """Fewer copies are available than asked for; metadata `book`, `asked`, `available`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "OUT_OF_STOCK"

    def __init__(self, book_id: str, *, asked: int, available: int) -> None:
        super().__init__(
            f"{asked} copies of books/{book_id} were asked for, {available} are available",
            book=f"books/{book_id}",
            asked=str(asked),
            available=str(available),
        )
        self.available = available


class ReservationNotFound(ServiceError):
    """The order has no reservation; metadata `reservation`."""

    kind = ErrorKind.NOT_FOUND
    reason = "RESERVATION_NOT_FOUND"

    def __init__(self, reservation: str) -> None:
        super().__init__(f"there is no {reservation}", reservation=reservation)


class ReservationReleased(ServiceError):
    """The reservation was given back; metadata `reservation`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "RESERVATION_RELEASED"

    def __init__(self, reservation: str) -> None:
        super().__init__(f"{reservation} was given back", reservation=reservation)


class ReservationExpired(ServiceError):
    """The reservation ran out of time and its copies are gone; metadata `reservation`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "RESERVATION_EXPIRED"

    def __init__(self, reservation: str) -> None:
        super().__init__(f"{reservation} expired and its copies are gone", reservation=reservation)


class ReservationMismatch(ServiceError):
    """The order reserved other lines before; metadata `reservation`."""

    kind = ErrorKind.ALREADY_EXISTS
    reason = "RESERVATION_MISMATCH"

    def __init__(self, reservation: str) -> None:
        super().__init__(f"{reservation} holds other lines", field="lines", reservation=reservation)


class ReturnExceedsReservation(ServiceError):
    """More copies would come back than left; metadata `book`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "RETURN_EXCEEDS_RESERVATION"

    def __init__(self, book_id: str) -> None:
        super().__init__(
            f"more copies of books/{book_id} would come back than left", field="lines", book=f"books/{book_id}"
        )
