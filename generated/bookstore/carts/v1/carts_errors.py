"""The errors of carts.bookstore. Written by `make protos` from bookstore/carts/v1/carts_errors.proto; do not edit."""

from __future__ import annotations

from chassis.service_error import ErrorKind, ServiceError


class CartNotFound(ServiceError):
    """There is no such cart, or it belongs to another user."""

    kind = ErrorKind.NOT_FOUND
    reason = "CART_NOT_FOUND"
    domain = "carts.bookstore"

    def __init__(self, *, cart: str | int) -> None:
        super().__init__(f"there is no {cart}", metadata={"cart": str(cart)})


class BookNotFound(ServiceError):
    """The book is not in the catalog."""

    kind = ErrorKind.NOT_FOUND
    reason = "BOOK_NOT_FOUND"
    domain = "carts.bookstore"

    def __init__(self, *, book: str | int) -> None:
        super().__init__(f"{book} is not in the catalog", metadata={"book": str(book)})


class ItemNotFound(ServiceError):
    """The book is not in the cart."""

    kind = ErrorKind.NOT_FOUND
    reason = "ITEM_NOT_FOUND"
    domain = "carts.bookstore"

    def __init__(self, *, book: str | int) -> None:
        super().__init__(f"{book} is not in the cart", metadata={"book": str(book)})


class QuantityLimit(ServiceError):
    """The cart would hold more than 99 copies of the book."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "QUANTITY_LIMIT"
    domain = "carts.bookstore"

    def __init__(self, *, limit: str | int, book: str | int) -> None:
        super().__init__(
            f"a cart holds at most {limit} copies of {book}",
            metadata={"limit": str(limit), "book": str(book)},
        )


class CartFull(ServiceError):
    """The cart would hold more than 100 books."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "CART_FULL"
    domain = "carts.bookstore"

    def __init__(self, *, limit: str | int) -> None:
        super().__init__(f"a cart holds at most {limit} books", metadata={"limit": str(limit)})


class CurrencyMismatch(ServiceError):
    """The book is priced in another currency than the cart."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "CURRENCY_MISMATCH"
    domain = "carts.bookstore"

    def __init__(self, *, book: str | int, currency: str | int, other: str | int) -> None:
        super().__init__(
            f"{book} is priced in {currency}, the cart in {other}",
            metadata={"book": str(book), "currency": str(currency), "other": str(other)},
        )


class CouponNotFound(ServiceError):
    """No promotion has this code."""

    kind = ErrorKind.NOT_FOUND
    reason = "COUPON_NOT_FOUND"
    domain = "carts.bookstore"

    def __init__(self, *, coupon: str | int) -> None:
        super().__init__(f"there is no coupon {coupon}", metadata={"coupon": str(coupon)})


class CouponUnavailable(ServiceError):
    """The coupon is not yet valid, has ended or is used up; `state` says which."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "COUPON_UNAVAILABLE"
    domain = "carts.bookstore"

    def __init__(self, *, coupon: str | int, state: str | int) -> None:
        super().__init__(
            f"the coupon {coupon} cannot be used now: it is {state}",
            metadata={"coupon": str(coupon), "state": str(state)},
        )


class CouponLimit(ServiceError):
    """The cart would hold more than 10 coupons."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "COUPON_LIMIT"
    domain = "carts.bookstore"

    def __init__(self, *, limit: str | int) -> None:
        super().__init__(f"a cart holds at most {limit} coupons", metadata={"limit": str(limit)})


class CartNotMergeable(ServiceError):
    """The source is not a guest's cart."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "CART_NOT_MERGEABLE"
    domain = "carts.bookstore"

    def __init__(self) -> None:
        super().__init__("only a guest's cart can be merged into another", field="source")
