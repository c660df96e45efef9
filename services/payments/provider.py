"""The payment provider, as payments see it."""

from __future__ import annotations

from typing import Protocol

from bookstore.payments.v1.payments_errors import ProviderTimeout, ProviderUnavailable

from chassis.breaker import Breaker
from chassis.kernel import Clock, Money
from services.payments.payment import Answer


class PaymentProvider(Protocol):
    """Moves money. `payment` is the shop's id of the payment.

    `key` names the step: the same key again is the same step, never a second one, and tells what came of it. Every
    method raises ProviderTimeout when the outcome is unknown and ProviderUnavailable when the provider was not reached.
    """

    def authorize(self, key: str, *, payment: str, method: str, amount: Money) -> Answer:
        """Holds an amount, or declines to; PENDING while it makes up its mind. VOIDED when a void came first."""
        ...

    def capture(self, key: str, *, payment: str) -> Answer:
        """Charges all that is held; answers the status that resulted, which is VOIDED when a void came first."""
        ...

    def void(self, key: str, *, payment: str) -> Answer:
        """Gives up the hold, also one that is not made yet; answers the status that resulted."""
        ...

    def refund(self, key: str, *, payment: str, amount: Money) -> None:
        """Pays back a part of the charge."""
        ...


class GuardedProvider:
    """A provider behind a breaker: after five failures in a row it is not called for two seconds."""

    def __init__(self, provider: PaymentProvider, clock: Clock) -> None:
        self._provider = provider
        self._breaker = Breaker(
            is_failure=lambda error: isinstance(error, (ProviderTimeout, ProviderUnavailable)),
            rejection=lambda: ProviderUnavailable(
                detail="the provider failed repeatedly and is not called for a moment"
            ),
            clock=clock,
        )

    def authorize(self, key: str, *, payment: str, method: str, amount: Money) -> Answer:
        """See PaymentProvider."""
        return self._breaker.call(lambda: self._provider.authorize(key, payment=payment, method=method, amount=amount))

    def capture(self, key: str, *, payment: str) -> Answer:
        """See PaymentProvider."""
        return self._breaker.call(lambda: self._provider.capture(key, payment=payment))

    def void(self, key: str, *, payment: str) -> Answer:
        """See PaymentProvider."""
        return self._breaker.call(lambda: self._provider.void(key, payment=payment))

    def refund(self, key: str, *, payment: str, amount: Money) -> None:
        """See PaymentProvider."""
        self._breaker.call(lambda: self._provider.refund(key, payment=payment, amount=amount))
