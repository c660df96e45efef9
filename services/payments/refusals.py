"""Why payments refuses a call."""

from __future__ import annotations

from chassis.kernel import ErrorKind, Money, ServiceError


class PaymentNotFound(ServiceError):
    """There is no such payment, or it is somebody else's; metadata `payment`."""

    kind = ErrorKind.NOT_FOUND
    reason = "PAYMENT_NOT_FOUND"

    def __init__(self, payment: str) -> None:
        super().__init__(f"there is no {payment}", payment=payment)


class PaymentMismatch(ServiceError):
    """The order asked for another amount, method or payer before; metadata `payment`."""

    kind = ErrorKind.ALREADY_EXISTS
    reason = "PAYMENT_MISMATCH"

    def __init__(self, payment: str) -> None:
        super().__init__(f"{payment} was asked for with another amount, method or payer", payment=payment)


class PaymentVoided(ServiceError):
    """The payment was voided before it was authorized; metadata `payment`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "PAYMENT_VOIDED"

    def __init__(self, payment: str) -> None:
        super().__init__(f"{payment} was voided before it was authorized; nothing is held", payment=payment)


class PaymentStateInvalid(ServiceError):
    """The payment's state does not allow the step; metadata `payment` and `state`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "PAYMENT_STATE_INVALID"

    def __init__(self, payment: str, state: str, step: str) -> None:
        super().__init__(f"{payment} is {state}, which does not allow {step}", payment=payment, state=state)


class RefundExceedsCapture(ServiceError):
    """More would be paid back than was charged; metadata `captured`, `refunded` (under way included) and `asked`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "REFUND_EXCEEDS_CAPTURE"

    def __init__(self, *, captured: Money, refunded: Money, asked: Money) -> None:
        super().__init__(
            f"{asked} cannot be paid back: {captured} was charged and {refunded} paid back",
            captured=str(captured),
            refunded=str(refunded),
            asked=str(asked),
        )


class ProviderUnavailable(ServiceError):
    """The provider was not reached: it does not answer or its breaker is open. Safe to repeat."""

    kind = ErrorKind.UNAVAILABLE
    reason = "PROVIDER_UNAVAILABLE"


class ProviderTimeout(ProviderUnavailable):
    """The provider did not answer in time: whether the step was done is known when it is asked again by its key."""
