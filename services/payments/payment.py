"""Payments: their states, what each step means in each of them, and what the provider's answers change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum, StrEnum
from typing import Final

from bookstore.payments.v1.payments_errors import (
    CurrencyMismatch,
    PaymentMismatch,
    PaymentStateInvalid,
    PaymentVoided,
    RefundExceedsCapture,
)

from chassis.kernel import Money


class ProviderContradiction(RuntimeError):
    """The provider says what cannot be, such as a charge of a declined payment. An alarm: a person has to look."""


class State(StrEnum):
    """Where the money is."""

    PENDING = "PENDING"
    AUTHORIZED = "AUTHORIZED"
    CAPTURED = "CAPTURED"
    VOIDED = "VOIDED"
    PARTIALLY_REFUNDED = "PARTIALLY_REFUNDED"
    REFUNDED = "REFUNDED"
    DECLINED = "DECLINED"


class Step(StrEnum):
    """What is asked of the provider."""

    AUTHORIZE = "AUTHORIZE"
    CAPTURE = "CAPTURE"
    VOID = "VOID"
    REFUND = "REFUND"


class Status(StrEnum):
    """What the provider says of a payment; refunds do not show in it."""

    PENDING = "PENDING"
    AUTHORIZED = "AUTHORIZED"
    DECLINED = "DECLINED"
    CAPTURED = "CAPTURED"
    VOIDED = "VOIDED"


class Reaction(Enum):
    """What a step comes to."""

    ASK = "the provider is asked"
    ANSWER = "the payment is answered as it is"
    REFUSE = "the state does not allow it"


_CHARGED: Final = {
    Step.AUTHORIZE: Reaction.ANSWER,
    Step.CAPTURE: Reaction.ANSWER,
    Step.VOID: Reaction.REFUSE,
    Step.REFUND: Reaction.ASK,
}
_OVER: Final = {
    Step.AUTHORIZE: Reaction.ANSWER,
    Step.CAPTURE: Reaction.REFUSE,
    Step.VOID: Reaction.ANSWER,
    Step.REFUND: Reaction.REFUSE,
}
REACTIONS: Final[Mapping[State, Mapping[Step, Reaction]]] = {
    State.PENDING: {
        Step.AUTHORIZE: Reaction.ASK,
        Step.CAPTURE: Reaction.REFUSE,
        Step.VOID: Reaction.ASK,
        Step.REFUND: Reaction.REFUSE,
    },
    State.AUTHORIZED: {
        Step.AUTHORIZE: Reaction.ANSWER,
        Step.CAPTURE: Reaction.ASK,
        Step.VOID: Reaction.ASK,
        Step.REFUND: Reaction.REFUSE,
    },
    State.CAPTURED: _CHARGED,
    State.PARTIALLY_REFUNDED: _CHARGED,
    State.REFUNDED: _CHARGED,  # a further refund exceeds the charge, which is the better answer
    State.VOIDED: _OVER,
    State.DECLINED: _OVER,
}
"""What each step comes to in each state; total."""

LEARNED: Final[Mapping[State, Mapping[Status, State]]] = {
    State.PENDING: {
        Status.PENDING: State.PENDING,
        Status.AUTHORIZED: State.AUTHORIZED,
        Status.DECLINED: State.DECLINED,
        Status.VOIDED: State.VOIDED,
    },
    State.AUTHORIZED: {
        Status.PENDING: State.AUTHORIZED,
        Status.AUTHORIZED: State.AUTHORIZED,
        Status.CAPTURED: State.CAPTURED,
        Status.VOIDED: State.VOIDED,
    },
    **{
        state: dict.fromkeys((Status.PENDING, Status.AUTHORIZED, Status.CAPTURED), state)
        for state in (State.CAPTURED, State.PARTIALLY_REFUNDED, State.REFUNDED)
    },
    State.VOIDED: dict.fromkeys((Status.PENDING, Status.AUTHORIZED, Status.VOIDED), State.VOIDED),
    State.DECLINED: dict.fromkeys((Status.PENDING, Status.DECLINED), State.DECLINED),
}
"""Where each answer leads. An answer can be old, then the state stays; one that is not here contradicts the books."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the provider answered; `decline_reason` with DECLINED only."""

    status: Status
    decline_reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What an order wants to be paid: by whom (`users/…`), how much, by which method (a token, never a number)."""

    payment_id: str
    user: str
    amount: Money
    method: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """The payment of one order; the three sums are in minor units of the amount's currency.

    Without an amount it was voided before anybody asked for one.
    """

    id: str
    user: str
    amount: Money | None
    method: str
    state: State
    create_time: datetime
    update_time: datetime
    authorized_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    decline_reason: str = ""
    version: int = 1

    @staticmethod
    def asked_for(charge: Charge, now: datetime) -> Payment:
        """A new payment; the provider is still to be asked."""
        return Payment(
            id=charge.payment_id,
            user=charge.user,
            amount=charge.amount,
            method=charge.method,
            state=State.PENDING,
            create_time=now,
            update_time=now,
        )

    @staticmethod
    def voided_unseen(payment_id: str, now: datetime) -> Payment:
        """The mark that a void came before the authorization, which then holds nothing."""
        return Payment(
            id=payment_id, user="", amount=None, method="", state=State.VOIDED, create_time=now, update_time=now
        )

    @property
    def name(self) -> str:
        """Resource name, `payments/{id}`."""
        return payment_name(self.id)

    @property
    def order(self) -> str:
        """The order, `orders/{id}`."""
        return f"orders/{self.id}"

    @property
    def due(self) -> Money:
        """What was to be paid. Raises ValueError when nothing was ever asked for."""
        if self.amount is None:
            raise ValueError(f"{self.name} never had an amount")
        return self.amount

    def money(self, minor: int) -> Money:
        """Minor units as an amount in the payment's currency."""
        return Money(minor=minor, currency=self.due.currency)

    def reaction(self, step: Step) -> Reaction:
        """What the step comes to now. Raises PaymentStateInvalid when that is a refusal."""
        reaction = REACTIONS[self.state][step]
        if reaction is Reaction.REFUSE:
            raise PaymentStateInvalid(payment=self.name, state=self.state, step=step.lower())
        return reaction

    def settles(self, step: Step) -> bool:
        """Whether the state is an answer to authorize, capture or void, one way or the other."""
        return REACTIONS[self.state][step] is not Reaction.ASK

    def require_charge(self, charge: Charge) -> None:
        """Raises PaymentVoided when it was voided before it was authorized, PaymentMismatch when it is another."""
        if self.amount is not None and (charge.user, charge.amount, charge.method) != (
            self.user,
            self.amount,
            self.method,
        ):
            raise PaymentMismatch(payment=self.name)
        if self.state is State.VOIDED and not self.authorized_minor:
            raise PaymentVoided(payment=self.name)

    def require_refundable(self, asked: Money, under_way_minor: int) -> None:
        """Raises PaymentStateInvalid, CurrencyMismatch and RefundExceedsCapture.

        `under_way_minor` are refunds that are meant and not answered yet.
        """
        self.reaction(Step.REFUND)
        if asked.currency != self.due.currency:
            raise CurrencyMismatch(expected=self.due.currency, given=asked.currency)
        spoken_for = self.refunded_minor + under_way_minor
        if asked.minor > self.captured_minor - spoken_for:
            raise RefundExceedsCapture(
                asked=str(asked), captured=str(self.money(self.captured_minor)), refunded=str(self.money(spoken_for))
            )

    def learn(self, answer: Answer, now: datetime) -> Payment:
        """The payment with the provider's answer taken in; itself when that is no news.

        Raises ProviderContradiction.
        """
        state = LEARNED[self.state].get(answer.status)
        if state is None:
            raise ProviderContradiction(f"{self.name} is {self.state}, the provider says {answer.status}")
        if state is self.state:
            return self
        return replace(
            self,
            state=state,
            authorized_minor=self.due.minor if state is State.AUTHORIZED else self.authorized_minor,
            captured_minor=self.due.minor if state is State.CAPTURED else self.captured_minor,
            decline_reason=answer.decline_reason,
            update_time=now,
            version=self.version + 1,
        )

    def refund(self, amount: Money, now: datetime) -> Payment:
        """The payment after `amount` was paid back. Raises ProviderContradiction when that is more than was charged."""
        refunded = self.refunded_minor + amount.minor
        if refunded > self.captured_minor:
            raise ProviderContradiction(f"the provider paid back more than the charge of {self.name}")
        state = State.REFUNDED if refunded == self.captured_minor else State.PARTIALLY_REFUNDED
        return replace(self, state=state, refunded_minor=refunded, update_time=now, version=self.version + 1)


def payment_name(payment_id: str) -> str:
    """The resource name `payments/{payment_id}`."""
    return f"payments/{payment_id}"
