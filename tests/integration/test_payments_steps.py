"""Whatever happens between the shop and its provider: both books say the same, and nothing is charged twice."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import pytest
from bookstore.payments.v1.payments_errors import ProviderTimeout, ProviderUnavailable
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Connection, select

from chassis.database import Database
from chassis.kernel import Money, ServiceError, SystemIds
from chassis.migrations import drift
from chassis.outbox import Outbox
from chassis.testing import FakeClock, migrated_database
from services.payments import store
from services.payments.journal import PaymentJournal
from services.payments.ledger import Account, balanced
from services.payments.payment import Answer, Charge, Payment, State, Status
from services.payments.processor import PaymentProcessor
from services.payments.provider import GuardedProvider
from services.payments.sandbox import SandboxProvider, SandboxRefusal
from services.payments.sandbox_books import PROVIDER_PAYMENTS
from services.payments.store import LEDGER_LINES, PAYMENTS, STEPS

T = TypeVar("T")
WHICH = st.integers(0, 1)
FAULTS = ("", "", "", "deaf", "mute")
METHODS = (
    "pm_ok",
    "pm_ok",
    "pm_ok",
    "pm_ok",
    "pm_declined",
    "pm_insufficient_funds",
    "pm_slow",
    "pm_lost_answer",
    "pm_unheard_of",
)


def euro(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


class Unreliable:
    """A provider behind a line that fails as told: before it hears the question, or after it has answered."""

    def __init__(self, provider: SandboxProvider) -> None:
        self._provider = provider
        self.deaf = False
        self.mute = False

    def authorize(self, key: str, *, payment: str, method: str, amount: Money) -> Answer:
        return self._through(lambda: self._provider.authorize(key, payment=payment, method=method, amount=amount))

    def capture(self, key: str, *, payment: str) -> Answer:
        return self._through(lambda: self._provider.capture(key, payment=payment))

    def void(self, key: str, *, payment: str) -> Answer:
        return self._through(lambda: self._provider.void(key, payment=payment))

    def refund(self, key: str, *, payment: str, amount: Money) -> None:
        self._through(lambda: self._provider.refund(key, payment=payment, amount=amount))

    def _through(self, ask: Callable[[], T]) -> T:
        if self.deaf:
            raise ProviderUnavailable(detail="not reached")
        answer = ask()
        if self.mute:
            raise ProviderTimeout
        return answer


class Shop:
    """Payments on a database, with a provider whose line can be cut."""

    def __init__(self, url: str) -> None:
        self.clock = FakeClock()
        self.database = Database(url, name="payments")
        self.sandbox = SandboxProvider(self.database, self.clock)
        self.provider = Unreliable(self.sandbox)
        outbox = Outbox(self.clock, SystemIds(), source="//bookstore/payments")
        recording = PaymentJournal(clock=self.clock, outbox=outbox)
        self.collecting = PaymentProcessor(database=self.database, recording=recording, provider=self.provider)

    def payment(self, payment_id: str) -> Payment:
        payment = self.database.read(lambda connection: store.find_payment(connection, payment_id))
        assert payment is not None
        return payment

    def settle(self) -> None:
        """Lets the worker run until nothing is open."""
        self.provider.deaf = self.provider.mute = False
        for _ in range(20):
            self.clock.advance(timedelta(minutes=2))
            self.collecting.resume()
            if not self.database.read(lambda c: c.execute(select(STEPS.c.due).where(STEPS.c.due.is_not(None))).all()):
                return
        raise AssertionError("steps stay open")

    def payments(self) -> list[Payment]:
        def read(connection: Connection) -> list[Payment]:
            found = [store.find_payment(connection, one) for one in connection.execute(select(PAYMENTS.c.id)).scalars()]
            return [payment for payment in found if payment is not None]

        return self.database.read(read)

    def check_ledger(self) -> None:
        """Every entry and all accounts sum to zero; the sums of each payment are in order."""
        entries: dict[tuple[str, str], int] = {}
        for row in self.database.read(lambda connection: connection.execute(select(*LEDGER_LINES.c)).all()):
            key = (row.payment_id, row.step_key)
            entries[key] = entries.get(key, 0) + row.amount_minor
        assert not any(entries.values())
        assert balanced(self.database.read(store.balances))
        for payment in self.payments():
            assert 0 <= payment.refunded_minor <= payment.captured_minor <= payment.authorized_minor
            assert payment.authorized_minor in (0, payment.amount.minor if payment.amount else 0)

    def check_provider(self) -> None:
        """At rest the provider's books, the payments and the ledger say the same."""
        theirs = {
            row.payment: row for row in self.database.read(lambda c: c.execute(select(*PROVIDER_PAYMENTS.c)).all())
        }
        net = 0
        for ours in self.payments():
            if ours.amount is None:
                assert ours.id not in theirs
                continue
            books = theirs.pop(ours.id)
            charged = ours.state in (State.CAPTURED, State.PARTIALLY_REFUNDED, State.REFUNDED)
            assert books.status == (Status.CAPTURED if charged else ours.state)
            assert (books.captured_minor, books.refunded_minor) == (ours.captured_minor, ours.refunded_minor)
            if charged:
                assert books.captured_minor == ours.amount.minor
            net += books.captured_minor - books.refunded_minor
        assert theirs == {}, "the provider holds what the shop knows nothing of"
        found = {balance.account: balance.amount.minor for balance in self.database.read(store.balances)}
        held = self.database.read(
            lambda c: sum(c.execute(select(PAYMENTS.c.amount_minor).where(PAYMENTS.c.state == "AUTHORIZED")).scalars())
        )
        assert found.get("provider", 0) == net
        assert (found.get("receivable", 0), found.get("holds", 0)) == (held, -held)


class Steps(RuleBasedStateMachine):
    """Any sequence of steps, repeats, lost questions and lost answers over two orders."""

    shop: Shop

    @initialize(charges=st.lists(st.tuples(st.sampled_from(METHODS), st.integers(100, 900), st.booleans()), max_size=2))
    def orders(self, charges: list[tuple[str, int, bool]]) -> None:
        """Begins with some payments authorized and some captured, so that refunds are reached by chance too."""
        self.ids = [SystemIds().new() for _ in range(2)]
        self.charges: dict[str, Charge] = {}
        for which, (method, minor, captured) in enumerate(charges):
            self.authorize(which, method, minor, "")
            if captured:
                self.capture(which, "")

    @rule(which=WHICH, method=st.sampled_from(METHODS), minor=st.integers(1, 500), fault=st.sampled_from(FAULTS))
    def authorize(self, which: int, method: str, minor: int, fault: str) -> None:
        charge = Charge(payment_id=self.ids[which], user="users/1", amount=euro(minor), method=method)
        charge = self.charges.setdefault(charge.payment_id, charge)
        self._try(fault, lambda: self.shop.collecting.authorize(charge))

    @rule(which=WHICH, fault=st.sampled_from(FAULTS))
    def capture(self, which: int, fault: str) -> None:
        self._try(fault, lambda: self.shop.collecting.capture(self.ids[which]))

    @rule(which=WHICH, fault=st.sampled_from(FAULTS))
    def void(self, which: int, fault: str) -> None:
        self._try(fault, lambda: self.shop.collecting.void(self.ids[which]))

    @rule(which=WHICH, minor=st.integers(1, 300), key=st.integers(1, 4), fault=st.sampled_from(FAULTS))
    def refund(self, which: int, minor: int, key: int, fault: str) -> None:
        request_id = str(UUID(int=key))
        self._try(fault, lambda: self.shop.collecting.refund(self.ids[which], euro(minor), request_id=request_id))

    @rule(seconds=st.integers(0, 30))
    def wait_and_resume(self, seconds: int) -> None:
        self.shop.clock.advance(timedelta(seconds=seconds))
        self.shop.collecting.resume()

    @invariant()
    def the_ledger_is_balanced(self) -> None:
        self.shop.check_ledger()

    def teardown(self) -> None:
        self.shop.settle()
        self.shop.check_ledger()
        self.shop.check_provider()

    def _try(self, fault: str, step: Callable[[], Payment]) -> None:
        self.shop.provider.deaf, self.shop.provider.mute = fault == "deaf", fault == "mute"
        with suppress(ServiceError):  # what the contract names; anything else fails the test
            step()


def test_any_sequence_of_steps_keeps_the_books() -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = Shop(migrated_database("payments", Path(folder)))

        class OnThisShop(Steps):
            pass

        OnThisShop.shop = shop
        chosen = settings(
            max_examples=60,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        )
        try:
            run_state_machine_as_test(OnThisShop, settings=chosen)
            moved = {balance.account for balance in shop.database.read(store.balances)}
            assert moved == set(Account), "a step was never taken: nothing was tested"
        finally:
            shop.database.close()


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    """On each engine, with the schema that the migrations make."""
    assert drift("payments", store.metadata, database_url) == []
    shop = Shop(database_url)
    yield shop
    shop.database.close()


def charge(payment_id: str = "1", method: str = "pm_ok") -> Charge:
    return Charge(payment_id=payment_id, user="users/1", amount=euro(1000), method=method)


def test_a_step_cut_short_is_finished_by_the_worker(shop: Shop) -> None:
    shop.provider.mute = True
    assert shop.collecting.authorize(charge()).state is State.PENDING
    shop.settle()
    assert shop.payment("1").state is State.AUTHORIZED
    shop.provider.mute = True
    with pytest.raises(ProviderTimeout):
        shop.collecting.capture("1")
    shop.settle()
    assert shop.payment("1").state is State.CAPTURED
    shop.provider.mute = True
    with pytest.raises(ProviderTimeout):
        shop.collecting.refund("1", euro(400), request_id=str(UUID(int=1)))
    shop.settle()
    assert shop.payment("1").state is State.PARTIALLY_REFUNDED
    shop.collecting.authorize(charge("2"))
    shop.provider.mute = True
    with pytest.raises(ProviderTimeout):
        shop.collecting.void("2")
    shop.settle()
    assert shop.payment("2").state is State.VOIDED
    shop.check_ledger()
    shop.check_provider()


def test_of_capture_and_void_the_provider_lets_one_win(shop: Shop) -> None:
    shop.collecting.authorize(charge())
    shop.provider.mute = True
    with pytest.raises(ProviderTimeout):
        shop.collecting.void("1")
    shop.provider.mute = False
    with pytest.raises(ServiceError) as refusal:
        shop.collecting.capture("1")
    assert (refusal.value.reason, refusal.value.metadata["state"]) == ("PAYMENT_STATE_INVALID", "VOIDED")
    shop.settle()
    shop.check_ledger()
    shop.check_provider()


def test_a_contradiction_does_not_hold_up_the_other_payments(shop: Shop) -> None:
    shop.provider.mute = True
    shop.collecting.authorize(charge("1"))
    shop.collecting.authorize(charge("2"))
    shop.provider.mute = False
    shop.sandbox.capture("not the shop's", payment="1")
    shop.clock.advance(timedelta(minutes=2))
    shop.collecting.resume()
    assert [shop.payment(payment_id).state for payment_id in ("1", "2")] == [State.PENDING, State.AUTHORIZED]


def test_a_refund_under_way_counts(shop: Shop) -> None:
    shop.collecting.authorize(charge())
    shop.collecting.capture("1")
    shop.provider.deaf = True
    with pytest.raises(ProviderUnavailable):
        shop.collecting.refund("1", euro(700), request_id=str(UUID(int=1)))
    with pytest.raises(ServiceError) as refusal:
        shop.collecting.refund("1", euro(301), request_id=str(UUID(int=2)))
    assert refusal.value.reason == "REFUND_EXCEEDS_CAPTURE"
    shop.settle()
    assert shop.payment("1").refunded_minor == 700


def test_the_provider_remembers_a_void_that_came_first(shop: Shop) -> None:
    shop.provider.deaf = True
    with pytest.raises(ProviderUnavailable):
        shop.collecting.authorize(charge())
    shop.provider.deaf = False
    assert shop.collecting.void("1").state is State.VOIDED
    shop.settle()
    assert shop.payment("1").state is State.VOIDED
    shop.check_ledger()


def test_the_sandbox_keeps_to_its_keys(shop: Shop) -> None:
    shop.collecting.authorize(charge())
    shop.collecting.capture("1")
    shop.sandbox.refund("key", payment="1", amount=euro(600))
    shop.sandbox.refund("key", payment="1", amount=euro(600))
    with pytest.raises(SandboxRefusal, match="another request"):
        shop.sandbox.refund("key", payment="1", amount=euro(1))
    with pytest.raises(SandboxRefusal, match="cannot be paid back"):
        shop.sandbox.refund("other", payment="1", amount=euro(401))
    with pytest.raises(SandboxRefusal, match="not in the provider's books"):
        shop.sandbox.capture("third", payment="2")


def test_a_failing_provider_is_left_alone(shop: Shop) -> None:
    clock = FakeClock()
    guarded = GuardedProvider(shop.provider, clock)
    shop.provider.mute = True
    for number in range(5):
        with pytest.raises(ProviderTimeout):
            guarded.void(f"{number}/void", payment=str(number))
    shop.provider.mute = False
    with pytest.raises(ProviderUnavailable, match="not called for a moment"):
        guarded.capture("1/capture", payment="1")
    clock.advance(timedelta(seconds=2))
    assert guarded.void("1/void", payment="1").status is Status.VOIDED
