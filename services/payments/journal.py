"""Writes down what is meant and what came of it: payment, step, ledger entry and event in one transaction.

Every function runs in the transaction it is given and speaks to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from bookstore.payments.v1.payments_errors import PaymentNotFound
from sqlalchemy import Connection

from chassis.kernel import Backoff, Clock, Money
from chassis.outbox import Outbox
from chassis.v1.platform_errors import RequestIdReused
from services.payments import events, store
from services.payments.payment import Answer, Charge, Payment, Reaction, State, Step, payment_name
from services.payments.store import Task

_FIRST_DUE: Final = timedelta(seconds=10)
"""Longer than any call takes: until then the step is in the hands of who asked for it."""
_BACKOFF: Final = Backoff(first=timedelta(seconds=1), longest=timedelta(minutes=1))
_BATCH: Final = 50
_MOVED: Final[Mapping[State, Step]] = {
    State.AUTHORIZED: Step.AUTHORIZE,
    State.CAPTURED: Step.CAPTURE,
    State.VOIDED: Step.VOID,
}
"""The step by which money moved when a payment came to a state."""


class PaymentJournal:
    """The books of the shop."""

    def __init__(self, *, clock: Clock, outbox: Outbox) -> None:
        self._clock = clock
        self._outbox = outbox

    def begin_authorization(self, tx: Connection, charge: Charge) -> tuple[Payment, Task | None]:
        """The order's payment, and what to ask the provider unless it has answered.

        Raises PaymentMismatch and PaymentVoided.
        """
        payment = Payment.asked_for(charge, self._clock.now())
        if not store.add_payment(tx, payment):
            payment = self.found(tx, charge.payment_id)
            payment.require_charge(charge)
        return payment, self._begin(tx, payment, Step.AUTHORIZE)

    def begin_capture(self, tx: Connection, payment_id: str) -> tuple[Payment, Task | None]:
        """The payment, and what to ask the provider unless it is charged.

        Raises PaymentNotFound and PaymentStateInvalid.
        """
        payment = self.found(tx, payment_id)
        return payment, self._begin(tx, payment, Step.CAPTURE)

    def begin_void(self, tx: Connection, payment_id: str) -> tuple[Payment, Task | None]:
        """The payment, and what to ask the provider unless nothing is held; an unknown one is VOIDED from now on.

        Raises PaymentStateInvalid.
        """
        payment = Payment.voided_unseen(payment_id, self._clock.now())
        if store.add_payment(tx, payment):
            return payment, None
        payment = self.found(tx, payment_id)
        return payment, self._begin(tx, payment, Step.VOID)

    def begin_refund(
        self, tx: Connection, payment_id: str, amount: Money, request_id: str
    ) -> tuple[Payment, Task | None]:
        """The payment, and what to ask the provider unless this refund was made.

        Raises PaymentNotFound, PaymentStateInvalid, CurrencyMismatch, RefundExceedsCapture, and RequestIdReused when
        the request_id named a refund of another amount.
        """
        payment = self.found(tx, payment_id)
        key = f"refund/{request_id.lower()}"
        before = store.find_step(tx, payment_id, key)
        if before is None:
            payment.require_refundable(amount, store.refunds_under_way(tx, payment_id))
            return payment, self._meant(tx, payment, Step.REFUND, key, amount)
        minor, is_open = before
        if payment.money(minor) != amount:
            raise RequestIdReused
        return payment, self._meant(tx, payment, Step.REFUND, key, amount) if is_open else None

    def learn(self, tx: Connection, task: Task, answer: Answer) -> Payment:
        """Takes in what the provider answered to authorize, capture or void. Raises ProviderContradiction."""
        now = self._clock.now()
        before = self.found(tx, task.payment_id)
        after = before.learn(answer, now)
        if after is not before:
            store.replace_payment(tx, after)
            moved = _MOVED.get(after.state)
            if moved is not None and after.authorized_minor:
                store.book(tx, after.id, moved, key=moved.lower(), amount=after.due, now=now)
            event = events.arrived(after)
            if event is not None:
                self._outbox.append(tx, event, aggregate=after.name, version=after.version)
        store.postpone_step(tx, task, None if after.settles(task.step) else now + _BACKOFF.pause(task.attempts + 1))
        return after

    def refunded(self, tx: Connection, task: Task) -> Payment:
        """Takes in that a refund was made; once, however often it is told."""
        now = self._clock.now()
        payment = self.found(tx, task.payment_id)
        if not store.close_step(tx, task):
            return payment
        payment = payment.refund(task.amount, now)
        store.replace_payment(tx, payment)
        store.book(tx, payment.id, Step.REFUND, key=task.key, amount=task.amount, now=now)
        event = events.refunded(payment, task.amount)
        self._outbox.append(tx, event, aggregate=payment.name, version=payment.version)
        return payment

    def claim_due(self, tx: Connection) -> list[Task]:
        """Steps whose answer is overdue. Each is put off first, so that one that fails does not hold up the others."""
        now = self._clock.now()
        tasks = [replace(task, attempts=task.attempts + 1) for task in store.due_steps(tx, now, _BATCH)]
        for task in tasks:
            store.postpone_step(tx, task, now + _BACKOFF.pause(task.attempts + 1))
        return tasks

    def found(self, tx: Connection, payment_id: str) -> Payment:
        """The payment. Raises PaymentNotFound."""
        payment = store.find_payment(tx, payment_id)
        if payment is None:
            raise PaymentNotFound(payment=payment_name(payment_id))
        return payment

    def _begin(self, tx: Connection, payment: Payment, step: Step) -> Task | None:
        if payment.reaction(step) is Reaction.ANSWER:
            return None
        return self._meant(tx, payment, step, step.lower(), payment.due)

    def _meant(self, tx: Connection, payment: Payment, step: Step, key: str, amount: Money) -> Task:
        now: datetime = self._clock.now()
        task = Task(payment_id=payment.id, step=step, key=key, amount=amount, method=payment.method)
        store.add_step(tx, task, due=now + _FIRST_DUE, now=now)
        return task
