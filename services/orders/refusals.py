"""Why orders refuses a call."""

from __future__ import annotations

from chassis.kernel import ErrorKind, Money, ServiceError


class OrderNotFound(ServiceError):
    """There is no such order, or it is somebody else's; metadata `order`."""

    kind = ErrorKind.NOT_FOUND
    reason = "ORDER_NOT_FOUND"

    def __init__(self, order: str) -> None:
        super().__init__(f"there is no {order}", order=order)


class CartNotFound(ServiceError):
    """There is no such cart, or it is somebody else's; metadata `cart`."""

    kind = ErrorKind.NOT_FOUND
    reason = "CART_NOT_FOUND"

    def __init__(self, cart: str) -> None:
        super().__init__(f"there is no {cart}", cart=cart)


class CartEmpty(ServiceError):
    """The cart holds no book; metadata `cart`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "CART_EMPTY"

    def __init__(self, cart: str) -> None:
        super().__init__(f"{cart} is empty; add a book first", cart=cart)


class CartOrdered(ServiceError):
    """The cart, as it is, was ordered already by another request; metadata `cart` and `order`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "CART_ORDERED"

    def __init__(self, cart: str, order: str) -> None:
        super().__init__(f"{cart} was ordered as {order}; change it to order again", cart=cart, order=order)


class PriceChanged(ServiceError):
    """The cart costs something else than the buyer has seen; metadata `expected` and `current`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "PRICE_CHANGED"

    def __init__(self, *, expected: Money, current: Money) -> None:
        super().__init__(
            f"the cart costs {current} now, not {expected}; read the cart again",
            expected=str(expected),
            current=str(current),
        )


class BookMissing(ServiceError):
    """A book of the cart is no longer in the catalog; metadata `book`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "BOOK_MISSING"

    def __init__(self, book: str) -> None:
        super().__init__(f"{book} is no longer sold; remove it from the cart", book=book)


class ShippingAddressRequired(ServiceError):
    """Printed books need a place to go to."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "SHIPPING_ADDRESS_REQUIRED"

    def __init__(self) -> None:
        super().__init__("the cart holds printed books: a shipping address is needed", field="shipping_address")


class OrderStateInvalid(ServiceError):
    """The order's state does not allow the step; metadata `order` and `state`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "ORDER_STATE_INVALID"

    def __init__(self, *, order: str, state: str, wanted: str) -> None:
        super().__init__(f"{order} is {state} and cannot become {wanted}", order=order, state=state)


class LineNotFound(ServiceError):
    """The book is not part of the order; metadata `book`."""

    kind = ErrorKind.NOT_FOUND
    reason = "LINE_NOT_FOUND"

    def __init__(self, book: str) -> None:
        super().__init__(f"{book} is not part of the order", book=book)


class RefundExceedsOrder(ServiceError):
    """More copies would be paid back than are left; metadata `book` and `left`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "REFUND_EXCEEDS_ORDER"

    def __init__(self, *, book: str, left: int) -> None:
        super().__init__(f"of {book} {left} copies are left to pay back", book=book, left=str(left))


class PaymentPending(ServiceError):
    """The charge is not through yet, so nothing can be paid back; metadata `order`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "PAYMENT_PENDING"

    def __init__(self, order: str) -> None:
        super().__init__(f"the charge for {order} is not through yet; try again shortly", order=order)
