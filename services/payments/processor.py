"""Takes payments through their steps: note what is meant, ask the provider, note what it answered.

The provider is asked outside of any transaction. A call that ends in between leaves an open step, which a repeat or
the worker takes up under the same key.
"""

from __future__ import annotations

import structlog
from bookstore.payments.v1.payments_errors import ProviderTimeout, ProviderUnavailable

from chassis.database import Database
from chassis.kernel import Money
from services.payments.journal import PaymentJournal
from services.payments.payment import Charge, Payment, Reaction, Step
from services.payments.provider import PaymentProvider
from services.payments.store import Task

_log = structlog.get_logger(__name__)


class PaymentProcessor:
    """The steps of the checkout and of what follows it."""

    def __init__(self, *, database: Database, recording: PaymentJournal, provider: PaymentProvider) -> None:
        self._database = database
        self._recording = recording
        self._provider = provider

    def authorize(self, charge: Charge) -> Payment:
        """Holds the amount; PENDING while the provider is silent, DECLINED when it refuses.

        Raises PaymentMismatch, PaymentVoided and ProviderUnavailable.
        """
        payment, task = self._database.transact(lambda tx: self._recording.begin_authorization(tx, charge))
        if task is None:
            return payment
        try:
            payment = self._ask(task)
        except ProviderTimeout:
            _log.warning("the provider's answer is missing", payment=payment.name, step=task.step)
            return payment
        payment.require_charge(charge)
        return payment

    def capture(self, payment_id: str) -> Payment:
        """Charges what is held. Raises PaymentNotFound, PaymentStateInvalid and ProviderUnavailable."""
        payment, task = self._database.transact(lambda tx: self._recording.begin_capture(tx, payment_id))
        return payment if task is None else self._finish(task)

    def void(self, payment_id: str) -> Payment:
        """Gives up the hold, also one that is still to come. Raises PaymentStateInvalid and ProviderUnavailable."""
        payment, task = self._database.transact(lambda tx: self._recording.begin_void(tx, payment_id))
        return payment if task is None else self._finish(task)

    def refund(self, payment_id: str, amount: Money, *, request_id: str) -> Payment:
        """Pays back a part of the charge, once per request_id.

        Raises PaymentNotFound, PaymentStateInvalid, CurrencyMismatch, RefundExceedsCapture, RequestIdReused and
        ProviderUnavailable.
        """
        payment, task = self._database.transact(
            lambda tx: self._recording.begin_refund(tx, payment_id, amount, request_id)
        )
        return payment if task is None else self._ask(task)

    def resume(self) -> None:
        """Asks again about every step whose answer is overdue; meant for a Worker."""
        for task in self._database.transact(self._recording.claim_due):
            try:
                payment = self._ask(task)
            except (ProviderTimeout, ProviderUnavailable) as error:
                _log.warning("the provider is silent", payment=task.payment_id, step=task.step, error=error.message)
            except Exception as error:  # noqa: BLE001  # what one payment meets must not hold up the others
                _log.error("payment cannot be worked on", payment=task.payment_id, step=task.step, exc_info=error)
            else:
                _log.info("asked the provider again", payment=payment.name, step=task.step, state=payment.state)

    def _finish(self, task: Task) -> Payment:
        """Asks, and makes sure that the step has come to its end: the provider may have decided otherwise."""
        payment = self._ask(task)
        if payment.reaction(task.step) is Reaction.ASK:
            raise ProviderUnavailable(detail=f"the provider has not finished to {task.step.lower()} {payment.name}")
        return payment

    def _ask(self, task: Task) -> Payment:
        if task.step is Step.REFUND:
            self._provider.refund(task.provider_key, payment=task.payment_id, amount=task.amount)
            return self._database.transact(lambda tx: self._recording.refunded(tx, task))
        match task.step:
            case Step.AUTHORIZE:
                answer = self._provider.authorize(
                    task.provider_key, payment=task.payment_id, method=task.method, amount=task.amount
                )
            case Step.CAPTURE:
                answer = self._provider.capture(task.provider_key, payment=task.payment_id)
            case Step.VOID:
                answer = self._provider.void(task.provider_key, payment=task.payment_id)
        return self._database.transact(lambda tx: self._recording.learn(tx, task, answer))
