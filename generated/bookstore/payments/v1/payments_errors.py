"""The errors of payments.bookstore. Written by `make protos` from bookstore/payments/v1/payments_errors.proto; do not edit."""

from __future__ import annotations

from chassis.service_error import ErrorKind, ServiceError


class PaymentNotFound(ServiceError):
    """There is no such payment, or it belongs to another user."""

    kind = ErrorKind.NOT_FOUND
    reason = "PAYMENT_NOT_FOUND"
    domain = "payments.bookstore"

    def __init__(self, *, payment: str | int) -> None:
        super().__init__(f"there is no {payment}", metadata={"payment": str(payment)})


class PaymentMismatch(ServiceError):
    """The order has a payment of another amount, method or payer."""

    kind = ErrorKind.ALREADY_EXISTS
    reason = "PAYMENT_MISMATCH"
    domain = "payments.bookstore"

    def __init__(self, *, payment: str | int) -> None:
        super().__init__(f"{payment} is of another amount, method or payer", metadata={"payment": str(payment)})


class PaymentVoided(ServiceError):
    """The payment was voided before it was authorized."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "PAYMENT_VOIDED"
    domain = "payments.bookstore"

    def __init__(self, *, payment: str | int) -> None:
        super().__init__(
            f"{payment} was voided before it was authorized; nothing is held",
            metadata={"payment": str(payment)},
        )


class PaymentStateInvalid(ServiceError):
    """The state of the payment does not allow the step."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "PAYMENT_STATE_INVALID"
    domain = "payments.bookstore"

    def __init__(self, *, payment: str | int, state: str | int, step: str | int) -> None:
        super().__init__(
            f"{payment} is {state}: it is not possible to {step} it",
            metadata={"payment": str(payment), "state": str(state), "step": str(step)},
        )


class RefundExceedsCapture(ServiceError):
    """More would be refunded than was captured."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "REFUND_EXCEEDS_CAPTURE"
    domain = "payments.bookstore"

    def __init__(self, *, asked: str | int, captured: str | int, refunded: str | int) -> None:
        super().__init__(
            f"{asked} cannot be refunded: {captured} was captured and {refunded} is refunded",
            metadata={"asked": str(asked), "captured": str(captured), "refunded": str(refunded)},
        )


class CurrencyMismatch(ServiceError):
    """The amount is in another currency than the payment."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "CURRENCY_MISMATCH"
    domain = "payments.bookstore"

    def __init__(self, *, expected: str | int, given: str | int) -> None:
        super().__init__(
            f"the payment is in {expected}, not in {given}",
            field="amount.currency_code",
            metadata={"expected": str(expected), "given": str(given)},
        )


class ProviderUnavailable(ServiceError):
    """The provider does not respond or is not called for now. Safe to repeat."""

    kind = ErrorKind.UNAVAILABLE
    reason = "PROVIDER_UNAVAILABLE"
    domain = "payments.bookstore"

    def __init__(self, *, detail: str) -> None:
        super().__init__(detail)


class ProviderTimeout(ServiceError):
    """The provider did not respond in time; whether the step was done is known when it is repeated. Safe to repeat."""

    kind = ErrorKind.UNAVAILABLE
    reason = "PROVIDER_TIMEOUT"
    domain = "payments.bookstore"

    def __init__(self) -> None:
        super().__init__("the provider did not respond in time; repeat the call")
