"""The errors of orders.bookstore. Written by `make protos` from bookstore/orders/v1/orders_errors.proto; do not edit."""

from __future__ import annotations

from chassis.service_error import ErrorKind, ServiceError


class OrderNotFound(ServiceError):
    """There is no such order, or it belongs to another user."""

    kind = ErrorKind.NOT_FOUND
    reason = "ORDER_NOT_FOUND"
    domain = "orders.bookstore"

    def __init__(self, *, order: str | int) -> None:
        super().__init__(f"there is no {order}", metadata={"order": str(order)})


class CartNotFound(ServiceError):
    """There is no such cart, or it belongs to another user."""

    kind = ErrorKind.NOT_FOUND
    reason = "CART_NOT_FOUND"
    domain = "orders.bookstore"

    def __init__(self, *, cart: str | int) -> None:
        super().__init__(f"there is no {cart}", metadata={"cart": str(cart)})


class CartEmpty(ServiceError):
    """The cart holds no book."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "CART_EMPTY"
    domain = "orders.bookstore"

    def __init__(self, *, cart: str | int) -> None:
        super().__init__(f"{cart} is empty; add a book first", metadata={"cart": str(cart)})


class PriceChanged(ServiceError):
    """The cart does not cost what was expected."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "PRICE_CHANGED"
    domain = "orders.bookstore"

    def __init__(self, *, current: str | int, expected: str | int) -> None:
        super().__init__(
            f"the cart now costs {current}, not {expected}; read the cart again",
            metadata={"current": str(current), "expected": str(expected)},
        )


class BookMissing(ServiceError):
    """A book of the cart is no longer in the catalog."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "BOOK_MISSING"
    domain = "orders.bookstore"

    def __init__(self, *, book: str | int) -> None:
        super().__init__(f"{book} is no longer sold; remove it from the cart", metadata={"book": str(book)})


class CurrencyMismatch(ServiceError):
    """The expected_total is in another currency than the cart."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "CURRENCY_MISMATCH"
    domain = "orders.bookstore"

    def __init__(self, *, given: str | int) -> None:
        super().__init__(
            f"the expected total is in {given}, which is not the currency of the cart",
            field="expected_total.currency_code",
            metadata={"given": str(given)},
        )


class ShippingAddressRequired(ServiceError):
    """Printed books need a shipping address."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "SHIPPING_ADDRESS_REQUIRED"
    domain = "orders.bookstore"

    def __init__(self) -> None:
        super().__init__("the cart holds printed books: a shipping address is required", field="shipping_address")


class OrderStateInvalid(ServiceError):
    """The state of the order does not allow the step."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "ORDER_STATE_INVALID"
    domain = "orders.bookstore"

    def __init__(self, *, order: str | int, state: str | int, target: str | int) -> None:
        super().__init__(
            f"{order} is {state} and cannot become {target}",
            metadata={"order": str(order), "state": str(state), "target": str(target)},
        )


class LineNotFound(ServiceError):
    """The book is not part of the order."""

    kind = ErrorKind.NOT_FOUND
    reason = "LINE_NOT_FOUND"
    domain = "orders.bookstore"

    def __init__(self, *, book: str | int) -> None:
        super().__init__(f"{book} is not part of the order", metadata={"book": str(book)})


class RefundExceedsOrder(ServiceError):
    """More copies would be refunded than are left."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "REFUND_EXCEEDS_ORDER"
    domain = "orders.bookstore"

    def __init__(self, *, left: str | int, book: str | int) -> None:
        super().__init__(
            f"only {left} copies of {book} can still be refunded",
            metadata={"left": str(left), "book": str(book)},
        )


class PaymentPending(ServiceError):
    """The payment is not captured yet; try again shortly."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "PAYMENT_PENDING"
    domain = "orders.bookstore"

    def __init__(self, *, order: str | int) -> None:
        super().__init__(
            f"the payment for {order} is not captured yet; try again shortly",
            metadata={"order": str(order)},
        )


class CartOrdered(ServiceError):
    """Another request has ordered the cart as it is; change the cart to order again. A rejected order does not count."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "CART_ORDERED"
    domain = "orders.bookstore"

    def __init__(self, *, cart: str | int, order: str | int) -> None:
        super().__init__(
            f"{cart} was ordered as {order}; change it to order again",
            metadata={"cart": str(cart), "order": str(order)},
        )
