"""The payment provider, as payments see it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from purgatory import SyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from chassis.kernel import Money
from services.payments.domain import Answer
from services.payments.refusals import ProviderUnavailable

T = TypeVar("T")

_FAILURES_TO_OPEN: Final = 5
_OPEN_SECONDS: Final = 2.0


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
    """A provider that is left alone for two seconds after it failed five times in a row, then probed."""

    def __init__(self, provider: PaymentProvider) -> None:
        self._provider = provider
        factory = SyncCircuitBreakerFactory(default_threshold=_FAILURES_TO_OPEN, default_ttl=_OPEN_SECONDS)
        self._breaker = factory.get_breaker("provider")
        self._lock = threading.Lock()  # the library's breaker is not safe for concurrent use

    def authorize(self, key: str, *, payment: str, method: str, amount: Money) -> Answer:
        """See PaymentProvider."""
        return self._guarded(lambda: self._provider.authorize(key, payment=payment, method=method, amount=amount))

    def capture(self, key: str, *, payment: str) -> Answer:
        """See PaymentProvider."""
        return self._guarded(lambda: self._provider.capture(key, payment=payment))

    def void(self, key: str, *, payment: str) -> Answer:
        """See PaymentProvider."""
        return self._guarded(lambda: self._provider.void(key, payment=payment))

    def refund(self, key: str, *, payment: str, amount: Money) -> None:
        """See PaymentProvider."""
        self._guarded(lambda: self._provider.refund(key, payment=payment, amount=amount))

    def _guarded(self, ask: Callable[[], T]) -> T:
        self._enter()
        failure: ProviderUnavailable | None = None
        try:
            return ask()
        except ProviderUnavailable as error:
            failure = error
            raise
        finally:
            self._leave(failure)

    def _enter(self) -> None:
        with self._lock:
            try:
                self._breaker.__enter__()
            except OpenedState:
                raise ProviderUnavailable("the provider failed repeatedly and is left alone for a moment") from None

    def _leave(self, failure: ProviderUnavailable | None) -> None:
        with self._lock:
            self._breaker.__exit__(type(failure) if failure else None, failure, None)
