"""The errors of promotions.bookstore. Written by `make protos` from bookstore/promotions/v1/promotions_errors.proto; do not edit."""

from __future__ import annotations

from chassis.service_error import ErrorKind, ServiceError


class PromotionNotFound(ServiceError):
    """There is no such promotion, or the caller may not see it."""

    kind = ErrorKind.NOT_FOUND
    reason = "PROMOTION_NOT_FOUND"
    domain = "promotions.bookstore"

    def __init__(self, *, promotion: str | int) -> None:
        super().__init__(f"there is no {promotion}", metadata={"promotion": str(promotion)})


class PromotionExists(ServiceError):
    """The promotion_id is in use."""

    kind = ErrorKind.ALREADY_EXISTS
    reason = "PROMOTION_EXISTS"
    domain = "promotions.bookstore"

    def __init__(self, *, promotion: str | int) -> None:
        super().__init__(
            f"{promotion} already exists; choose another promotion_id",
            field="promotion_id",
            metadata={"promotion": str(promotion)},
        )


class CouponTaken(ServiceError):
    """Another promotion has this coupon code."""

    kind = ErrorKind.ALREADY_EXISTS
    reason = "COUPON_TAKEN"
    domain = "promotions.bookstore"

    def __init__(self) -> None:
        super().__init__("another promotion has this coupon code", field="promotion.coupon_code")


class PeriodInvalid(ServiceError):
    """The end_time is not after start_time."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "PERIOD_INVALID"
    domain = "promotions.bookstore"

    def __init__(self) -> None:
        super().__init__("end_time must be later than start_time", field="promotion.end_time")


class AmountInvalid(ServiceError):
    """The currency is not accepted, or the amount is finer than its smallest unit."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "AMOUNT_INVALID"
    domain = "promotions.bookstore"

    def __init__(self, *, detail: str, field: str = "") -> None:
        super().__init__(detail, field=field)


class BookNotFound(ServiceError):
    """A book of the basket is not in the catalog."""

    kind = ErrorKind.NOT_FOUND
    reason = "BOOK_NOT_FOUND"
    domain = "promotions.bookstore"

    def __init__(self, *, book: str | int) -> None:
        super().__init__(f"{book} is not in the catalog", metadata={"book": str(book)})


class CurrencyMismatch(ServiceError):
    """The books are priced in more than one currency."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "CURRENCY_MISMATCH"
    domain = "promotions.bookstore"

    def __init__(self, *, book: str | int, currency: str | int, other: str | int) -> None:
        super().__init__(
            f"{book} is priced in {currency}, the basket in {other}",
            metadata={"book": str(book), "currency": str(currency), "other": str(other)},
        )


class CouponNotFound(ServiceError):
    """No promotion has this code."""

    kind = ErrorKind.NOT_FOUND
    reason = "COUPON_NOT_FOUND"
    domain = "promotions.bookstore"

    def __init__(self, *, coupon: str | int) -> None:
        super().__init__(f"there is no coupon {coupon}", metadata={"coupon": str(coupon)})


class CouponUnavailable(ServiceError):
    """The coupon is not active, was redeemed as often as allowed, or was released for the order."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "COUPON_UNAVAILABLE"
    domain = "promotions.bookstore"

    def __init__(self, *, coupon: str | int, detail: str) -> None:
        super().__init__(f"the coupon {coupon} cannot be redeemed: {detail}", metadata={"coupon": str(coupon)})
