"""Rules of payments: every state meets every step and every answer; the ledger balances by construction."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import grpc
import pytest
from bookstore.payments.v1.payments_errors import PaymentMismatch, PaymentVoided
from hypothesis import given
from hypothesis import strategies as st

from chassis.kernel import Money
from chassis.testing import refused
from services.payments.ledger import POSTINGS, Account, Balance, balanced, entry
from services.payments.payment import (
    LEARNED,
    REACTIONS,
    Answer,
    Charge,
    Payment,
    ProviderContradiction,
    Reaction,
    State,
    Status,
    Step,
)

Code = grpc.StatusCode
NOW = datetime(2026, 1, 2, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)
CHARGE = Charge(payment_id="1", user="users/1", amount=Money(minor=1000, currency="EUR"), method="pm_ok")
ASKED = Payment.asked_for(CHARGE, NOW)


def euro(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def learned(*statuses: Status) -> Payment:
    payment = ASKED
    for status in statuses:
        payment = payment.learn(Answer(status=status), LATER)
    return payment


CAPTURED = learned(Status.AUTHORIZED, Status.CAPTURED)


def test_the_tables_are_total() -> None:
    assert set(REACTIONS) == set(LEARNED) == set(State)
    assert all(set(reactions) == set(Step) for reactions in REACTIONS.values())


@pytest.mark.parametrize("state", State)
def test_a_step_is_refused_exactly_where_the_table_says(state: State) -> None:
    payment = replace(CAPTURED, state=state)
    for step in Step:
        if REACTIONS[state][step] is not Reaction.REFUSE:
            assert payment.reaction(step) is REACTIONS[state][step]
            continue
        with refused(Code.FAILED_PRECONDITION, "PAYMENT_STATE_INVALID") as refusal:
            payment.reaction(step)
        assert refusal.metadata == {"payment": "payments/1", "state": state, "step": step.lower()}


def test_no_answer_leads_back_and_none_charges_what_was_not_held() -> None:
    rank = {State.PENDING: 0, State.AUTHORIZED: 1}
    for state, status in product(State, Status):
        after = LEARNED[state].get(status)
        if after is None:
            with pytest.raises(ProviderContradiction):
                replace(CAPTURED, state=state).learn(Answer(status=status), LATER)
            continue
        assert after is state or rank.get(after, 2) > rank.get(state, 2)
        assert not (state is State.PENDING and after is State.CAPTURED)


def test_the_first_answer_counts_and_an_old_one_changes_nothing() -> None:
    held = learned(Status.PENDING, Status.AUTHORIZED)
    assert (held.state, held.authorized_minor, held.version, held.update_time) == (State.AUTHORIZED, 1000, 2, LATER)
    charged = held.learn(Answer(status=Status.CAPTURED), LATER)
    assert (charged.state, charged.captured_minor, charged.version) == (State.CAPTURED, 1000, 3)
    assert charged.learn(Answer(status=Status.PENDING), LATER) is charged
    assert charged.learn(Answer(status=Status.AUTHORIZED), LATER) is charged


def test_a_decline_says_why() -> None:
    declined = ASKED.learn(Answer(status=Status.DECLINED, decline_reason="INSUFFICIENT_FUNDS"), LATER)
    assert (declined.state, declined.decline_reason) == (State.DECLINED, "INSUFFICIENT_FUNDS")
    assert (declined.authorized_minor, declined.captured_minor) == (0, 0)


@pytest.mark.parametrize(
    "other",
    [
        replace(CHARGE, amount=euro(1001)),
        replace(CHARGE, amount=Money(minor=1000, currency="USD")),
        replace(CHARGE, method="pm_slow"),
        replace(CHARGE, user="users/2"),
    ],
)
def test_another_charge_for_the_same_order_is_refused(other: Charge) -> None:
    ASKED.require_charge(CHARGE)
    with pytest.raises(PaymentMismatch):
        ASKED.require_charge(other)


def test_a_void_that_came_first_is_an_error_and_a_later_one_an_answer() -> None:
    for never_held in (Payment.voided_unseen("1", NOW), learned(Status.VOIDED)):
        with pytest.raises(PaymentVoided):
            never_held.require_charge(CHARGE)
    learned(Status.AUTHORIZED, Status.VOIDED).require_charge(CHARGE)


@given(st.integers(1, 10_000), st.lists(st.integers(1, 4000), max_size=12))
def test_refunds_never_exceed_the_charge(charge: int, asked: list[int]) -> None:
    payment = replace(CAPTURED, amount=euro(charge), authorized_minor=charge, captured_minor=charge)
    for minor in asked:
        left = charge - payment.refunded_minor
        if minor > left:
            with refused(Code.FAILED_PRECONDITION, "REFUND_EXCEEDS_CAPTURE"):
                payment.require_refundable(euro(minor), 0)
            continue
        payment.require_refundable(euro(minor), left - minor)
        payment = payment.refund(euro(minor), LATER)
        assert payment.state is (State.REFUNDED if minor == left else State.PARTIALLY_REFUNDED)
    assert 0 <= payment.refunded_minor <= payment.captured_minor <= payment.authorized_minor


def test_refunds_under_way_count_and_the_currency_must_be_the_payments() -> None:
    with refused(Code.FAILED_PRECONDITION, "REFUND_EXCEEDS_CAPTURE") as refusal:
        CAPTURED.require_refundable(euro(401), 600)
    assert refusal.metadata == {"captured": "10.00 EUR", "refunded": "6.00 EUR", "asked": "4.01 EUR"}
    with refused(Code.INVALID_ARGUMENT, "CURRENCY_MISMATCH"):
        CAPTURED.require_refundable(Money(minor=1, currency="USD"), 0)
    with pytest.raises(ProviderContradiction):
        CAPTURED.refund(euro(1001), LATER)


def test_a_payment_without_an_amount_has_none_to_give() -> None:
    with pytest.raises(ValueError, match="never had an amount"):
        _ = Payment.voided_unseen("1", NOW).due


@given(st.sampled_from(Step), st.integers(1, 10**12))
def test_every_entry_sums_to_zero(step: Step, minor: int) -> None:
    assert sum(line.minor for line in entry(step, euro(minor)).values()) == 0


def test_what_was_held_leaves_the_clearing_accounts_when_it_is_charged_or_given_up() -> None:
    for end in (Step.CAPTURE, Step.VOID):
        for account in (Account.RECEIVABLE, Account.HOLDS):
            assert POSTINGS[Step.AUTHORIZE][account] + POSTINGS[end][account] == 0


def test_a_trial_balance_is_per_currency() -> None:
    def balance(account: str, minor: int, currency: str) -> Balance:
        return Balance(account=account, amount=Money(minor=minor, currency=currency))

    even = (balance("provider", 5, "EUR"), balance("revenue", -5, "EUR"))
    assert balanced(())
    assert balanced(even)
    assert not balanced((*even, balance("provider", 1, "USD"), balance("revenue", -1, "CHF")))
