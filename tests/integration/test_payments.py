"""Payments through their front door: every RPC, every caller, every token of the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import grpc
import pytest
from bookstore.payments.v1 import payments_events_pb2 as events
from bookstore.payments.v1.payment_pb2 import Payment
from bookstore.payments.v1.payments_service_pb2 import (
    AuthorizePaymentRequest,
    CapturePaymentRequest,
    GetPaymentRequest,
    GetTrialBalanceRequest,
    ListPaymentsRequest,
    RefundPaymentRequest,
    VoidPaymentRequest,
)
from bookstore.payments.v1.payments_service_pb2_grpc import PaymentServiceStub
from google.type.money_pb2 import Money
from sqlalchemy import func, select

from chassis.schema import OUTBOX
from chassis.testing import FakeClock, Served, refused, running
from chassis.worker import Worker
from services.payments.app import build
from services.payments.sandbox_books import PROVIDER_PAYMENTS, PROVIDER_REQUESTS
from tests.money import cents, euros

Code = grpc.StatusCode
FIRST, SECOND = str(UUID(int=1)), str(UUID(int=2))


@pytest.fixture
def payments(tmp_path: Path, clock: FakeClock) -> Iterator[Served]:
    with running("payments", build, folder=tmp_path, clock=clock) as served:
        yield served


@pytest.fixture
def orders(payments: Served) -> PaymentServiceStub:
    return payments.stub(PaymentServiceStub, service="orders")


@pytest.fixture
def staff(payments: Served) -> PaymentServiceStub:
    return payments.stub(PaymentServiceStub, user="users/staff", roles=("customer", "staff"))


def charge(
    order: str = "1", method: str = "pm_ok", amount: int = 2500, user: str = "users/1"
) -> AuthorizePaymentRequest:
    return AuthorizePaymentRequest(order=f"orders/{order}", user=user, amount=euros(amount), payment_method=method)


def capture(order: str = "1") -> CapturePaymentRequest:
    return CapturePaymentRequest(name=f"payments/{order}")


def void(order: str = "1") -> VoidPaymentRequest:
    return VoidPaymentRequest(name=f"payments/{order}")


def refund(amount: int, request_id: str = FIRST) -> RefundPaymentRequest:
    return RefundPaymentRequest(name="payments/1", amount=euros(amount), request_id=request_id)


def balances(staff: PaymentServiceStub) -> dict[str, int]:
    answer = staff.GetTrialBalance(GetTrialBalanceRequest())
    assert answer.balanced
    return {line.account: cents(line.balance) for line in answer.accounts if cents(line.balance)}


def published(payments: Served) -> list[str]:
    statement = select(OUTBOX.c.subject).order_by(OUTBOX.c.id)
    subjects = payments.runtime.database.read(lambda connection: connection.execute(statement).scalars().all())
    return [subject.rpartition(".")[2] for subject in subjects]


def ask_again(payments: Served) -> None:
    """One run of the worker."""
    (worker,) = (worker for worker in payments.service.workers if worker.name == "ask-provider")
    assert isinstance(worker, Worker)
    worker.run()


def test_hold_charge_and_pay_back(payments: Served, orders: PaymentServiceStub, staff: PaymentServiceStub) -> None:
    held = orders.AuthorizePayment(charge())
    assert (held.name, held.order, held.user, held.method) == ("payments/1", "orders/1", "users/1", "pm_ok")
    assert (held.state, held.amount, held.captured_amount) == (Payment.STATE_AUTHORIZED, euros(2500), euros(0))
    assert balances(staff) == {"receivable": 2500, "holds": -2500}

    charged = orders.CapturePayment(capture())
    assert (charged.state, charged.captured_amount) == (Payment.STATE_CAPTURED, euros(2500))
    assert balances(staff) == {"revenue": -2500, "provider": 2500}

    part = orders.RefundPayment(refund(1001))
    assert (part.state, part.refunded_amount) == (Payment.STATE_PARTIALLY_REFUNDED, euros(1001))
    rest = orders.RefundPayment(refund(1499, SECOND))
    assert (rest.state, rest.refunded_amount) == (Payment.STATE_REFUNDED, euros(2500))
    assert balances(staff) == {"revenue": -2500, "refunds": 2500}
    assert published(payments) == ["PaymentAuthorized", "PaymentCaptured", "PaymentRefunded", "PaymentRefunded"]
    assert len({payment.etag for payment in (held, charged, part, rest)}) == 4


def test_every_step_repeated_is_one_step(
    payments: Served, orders: PaymentServiceStub, staff: PaymentServiceStub
) -> None:
    held = orders.AuthorizePayment(charge())
    assert orders.AuthorizePayment(charge()) == held
    charged = orders.CapturePayment(capture())
    assert orders.CapturePayment(capture()) == charged == orders.AuthorizePayment(charge())
    refunded = orders.RefundPayment(refund(1000))
    assert orders.RefundPayment(refund(1000)) == refunded == orders.CapturePayment(capture())
    more = orders.RefundPayment(refund(500, SECOND))
    assert orders.RefundPayment(refund(1000)) == more, "a repeat answers the payment as it is now"
    orders.AuthorizePayment(charge("2"))
    voided = orders.VoidPayment(void("2"))
    assert orders.VoidPayment(void("2")) == voided == orders.AuthorizePayment(charge("2"))
    assert published(payments).count("PaymentVoided") == 1
    assert balances(staff) == {"revenue": -2500, "provider": 1000, "refunds": 1500}


@pytest.mark.parametrize(
    ("method", "reason"),
    [
        ("pm_declined", "PAYMENT_DECLINED"),
        ("pm_insufficient_funds", "INSUFFICIENT_FUNDS"),
        ("pm_somebody_elses", "PAYMENT_METHOD_UNKNOWN"),
    ],
)
def test_a_refusal_is_an_answer_and_moves_nothing(
    payments: Served, orders: PaymentServiceStub, staff: PaymentServiceStub, method: str, reason: str
) -> None:
    declined = orders.AuthorizePayment(charge(method=method))
    assert (declined.state, declined.decline_reason) == (Payment.STATE_DECLINED, reason)
    assert orders.AuthorizePayment(charge(method=method)) == declined == orders.VoidPayment(void())
    with refused(Code.FAILED_PRECONDITION, "PAYMENT_STATE_INVALID") as refusal:
        orders.CapturePayment(capture())
    assert refusal.metadata["state"] == "DECLINED"
    assert balances(staff) == {}
    assert published(payments) == ["PaymentDeclined"]


def test_a_slow_provider_is_asked_until_it_answers(
    payments: Served, orders: PaymentServiceStub, clock: FakeClock
) -> None:
    slow = charge(method="pm_slow")
    assert orders.AuthorizePayment(slow).state == Payment.STATE_PENDING
    assert orders.AuthorizePayment(slow).state == Payment.STATE_PENDING
    with refused(Code.FAILED_PRECONDITION, "PAYMENT_STATE_INVALID"):
        orders.CapturePayment(capture())
    clock.advance(timedelta(seconds=2))
    assert orders.AuthorizePayment(slow).state == Payment.STATE_AUTHORIZED
    assert published(payments) == ["PaymentAuthorized"]


def test_the_worker_asks_about_pending_payments(payments: Served, orders: PaymentServiceStub, clock: FakeClock) -> None:
    orders.AuthorizePayment(charge(method="pm_slow"))
    states = []
    for _ in range(4):
        ask_again(payments)
        states.append(orders.GetPayment(GetPaymentRequest(name="payments/1")).state)
        clock.advance(timedelta(seconds=2))
    assert states[0] == Payment.STATE_PENDING
    assert states[-1] == Payment.STATE_AUTHORIZED


def test_a_lost_answer_is_found_under_the_same_key(
    payments: Served, orders: PaymentServiceStub, staff: PaymentServiceStub, clock: FakeClock
) -> None:
    lost = charge(method="pm_lost_answer")
    assert orders.AuthorizePayment(lost).state == Payment.STATE_PENDING
    assert balances(staff) == {}, "what is not known is not booked"
    clock.advance(timedelta(seconds=10))
    ask_again(payments)
    assert orders.AuthorizePayment(lost).state == Payment.STATE_AUTHORIZED
    with refused(Code.UNAVAILABLE, "PROVIDER_TIMEOUT"):
        orders.CapturePayment(capture())
    orders.CapturePayment(capture())
    with refused(Code.UNAVAILABLE, "PROVIDER_TIMEOUT"):
        orders.RefundPayment(refund(1000))
    orders.RefundPayment(refund(1000))
    assert balances(staff) == {"revenue": -2500, "provider": 1500, "refunds": 1000}


def test_a_void_before_the_authorization_holds_nothing_ever(
    payments: Served, orders: PaymentServiceStub, staff: PaymentServiceStub
) -> None:
    mark = orders.VoidPayment(void())
    assert (mark.state, mark.user, mark.HasField("amount")) == (Payment.STATE_VOIDED, "", False)
    assert orders.VoidPayment(void()) == mark
    with refused(Code.FAILED_PRECONDITION, "PAYMENT_VOIDED") as refusal:
        orders.AuthorizePayment(charge())
    assert refusal.metadata == {"payment": "payments/1"}
    assert balances(staff) == {}
    assert published(payments) == []
    assert staff.GetPayment(GetPaymentRequest(name="payments/1")) == mark


def test_a_pending_payment_can_be_voided(
    payments: Served, orders: PaymentServiceStub, staff: PaymentServiceStub, clock: FakeClock
) -> None:
    orders.AuthorizePayment(charge(method="pm_slow"))
    assert orders.VoidPayment(void()).state == Payment.STATE_VOIDED
    clock.advance(timedelta(minutes=1))
    ask_again(payments)
    with refused(Code.FAILED_PRECONDITION, "PAYMENT_VOIDED"):
        orders.AuthorizePayment(charge(method="pm_slow"))
    assert balances(staff) == {}
    assert published(payments) == []


def test_steps_out_of_place(orders: PaymentServiceStub) -> None:
    with refused(Code.NOT_FOUND, "PAYMENT_NOT_FOUND") as refusal:
        orders.CapturePayment(capture())
    assert refusal.metadata == {"payment": "payments/1"}
    with refused(Code.NOT_FOUND, "PAYMENT_NOT_FOUND"):
        orders.RefundPayment(refund(1))
    orders.AuthorizePayment(charge())
    with refused(Code.FAILED_PRECONDITION, "PAYMENT_STATE_INVALID"):
        orders.RefundPayment(refund(1))
    for other in (charge(amount=2501), charge(method="pm_slow"), charge(user="users/2")):
        with refused(Code.ALREADY_EXISTS, "PAYMENT_MISMATCH"):
            orders.AuthorizePayment(other)
    orders.CapturePayment(capture())
    with refused(Code.FAILED_PRECONDITION, "PAYMENT_STATE_INVALID") as refusal:
        orders.VoidPayment(void())
    assert refusal.metadata["state"] == "CAPTURED"


def test_refunds_within_the_charge(orders: PaymentServiceStub, staff: PaymentServiceStub) -> None:
    orders.AuthorizePayment(charge())
    orders.CapturePayment(capture())
    orders.RefundPayment(refund(2000))
    with refused(Code.FAILED_PRECONDITION, "REFUND_EXCEEDS_CAPTURE") as refusal:
        orders.RefundPayment(refund(501, SECOND))
    assert refusal.metadata == {"captured": "25.00 EUR", "refunded": "20.00 EUR", "asked": "5.01 EUR"}
    with refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED"):
        orders.RefundPayment(refund(1999))
    other = RefundPaymentRequest(name="payments/1", amount=Money(currency_code="USD", units=1), request_id=SECOND)
    with refused(Code.INVALID_ARGUMENT, "CURRENCY_MISMATCH") as refusal:
        orders.RefundPayment(other)
    assert refusal.fields == ["amount.currency_code"]
    assert balances(staff)["refunds"] == 2000


def test_many_at_once_hold_charge_and_pay_back_once(
    payments: Served, orders: PaymentServiceStub, staff: PaymentServiceStub
) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert {p.state for p in pool.map(orders.AuthorizePayment, [charge()] * 8)} <= {
            Payment.STATE_PENDING,
            Payment.STATE_AUTHORIZED,
        }
        assert {p.state for p in pool.map(orders.CapturePayment, [capture()] * 8)} == {Payment.STATE_CAPTURED}
        list(pool.map(orders.RefundPayment, [refund(1000)] * 8))
    assert balances(staff) == {"revenue": -2500, "provider": 1500, "refunds": 1000}
    steps = select(func.count()).select_from(PROVIDER_REQUESTS)
    assert payments.runtime.database.read(lambda connection: connection.execute(steps).scalar_one()) == 3
    books = select(PROVIDER_PAYMENTS.c.captured_minor, PROVIDER_PAYMENTS.c.refunded_minor)
    assert payments.runtime.database.read(lambda connection: connection.execute(books).all()) == [(2500, 1000)]
    assert published(payments) == ["PaymentAuthorized", "PaymentCaptured", "PaymentRefunded"]


def test_of_refunds_at_once_no_more_than_the_charge_is_paid(
    orders: PaymentServiceStub, staff: PaymentServiceStub
) -> None:
    orders.AuthorizePayment(charge())
    orders.CapturePayment(capture())

    def attempt(number: int) -> bool:
        try:
            orders.RefundPayment(refund(1000, str(UUID(int=number))))
        except grpc.RpcError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(attempt, range(6))) == 2
    assert balances(staff)["refunds"] == 2000


def test_who_sees_a_payment(payments: Served, orders: PaymentServiceStub, staff: PaymentServiceStub) -> None:
    held = orders.AuthorizePayment(charge())
    request = GetPaymentRequest(name="payments/1")
    payer = payments.stub(PaymentServiceStub, user="users/1")
    assert payer.GetPayment(request) == staff.GetPayment(request) == orders.GetPayment(request) == held
    with refused(Code.NOT_FOUND, "PAYMENT_NOT_FOUND"):
        payments.stub(PaymentServiceStub, user="users/2").GetPayment(request)
    with refused(Code.NOT_FOUND, "PAYMENT_NOT_FOUND"):
        payer.GetPayment(GetPaymentRequest(name="payments/2"))
    with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
        payments.stub(PaymentServiceStub).GetPayment(request)


def test_only_staff_list_payments_and_read_the_ledger(payments: Served) -> None:
    for stub, code, reason in (
        (payments.stub(PaymentServiceStub), Code.UNAUTHENTICATED, "TOKEN_REQUIRED"),
        (payments.stub(PaymentServiceStub, user="users/1"), Code.PERMISSION_DENIED, "ROLE_REQUIRED"),
    ):
        with refused(code, reason):
            stub.ListPayments(ListPaymentsRequest())
        with refused(code, reason):
            stub.GetTrialBalance(GetTrialBalanceRequest())


def test_the_steps_are_for_orders_only(payments: Served, staff: PaymentServiceStub) -> None:
    for stub in (staff, payments.stub(PaymentServiceStub), payments.stub(PaymentServiceStub, service="carts")):
        with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
            stub.AuthorizePayment(charge())
        with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
            stub.CapturePayment(capture())
        with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
            stub.VoidPayment(void())
        with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
            stub.RefundPayment(refund(1))
    assert staff.ListPayments(ListPaymentsRequest()).payments == []


def test_staff_page_through_payments(orders: PaymentServiceStub, staff: PaymentServiceStub, clock: FakeClock) -> None:
    for number in range(5):
        orders.AuthorizePayment(charge(str(number), method="pm_declined" if number == 3 else "pm_ok"))
        clock.advance(timedelta(seconds=1))

    def ids(text: str = "", order_by: str = "", size: int = 2) -> list[str]:
        request = ListPaymentsRequest(page_size=size, filter=text, order_by=order_by)
        found = []
        while True:
            page = staff.ListPayments(request)
            found += [payment.name.removeprefix("payments/") for payment in page.payments]
            if not page.next_page_token:
                return found
            request.page_token = page.next_page_token

    assert ids() == ["4", "3", "2", "1", "0"]
    assert ids(order_by="create_time") == ["0", "1", "2", "3", "4"]
    assert ids("state = DECLINED") == ids("state = STATE_DECLINED") == ids("order = orders/3") == ["3"]
    assert ids("user = users/1 AND createTime >= 2026-01-02T03:04:08Z") == ["4", "3"]
    assert ids("user = users/2") == []
    for bad in ("method = pm_ok", "state = LOST", "order = 3", "create_time > yesterday", "state != DECLINED"):
        with refused(Code.INVALID_ARGUMENT, "FILTER_INVALID"):
            ids(bad)
    with refused(Code.INVALID_ARGUMENT, "FILTER_INVALID"):
        ids(order_by="amount")
    with refused(Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"):
        staff.ListPayments(ListPaymentsRequest(page_token="x"))


def test_bad_requests_name_their_fields(orders: PaymentServiceStub, staff: PaymentServiceStub) -> None:
    bad = AuthorizePaymentRequest(order="1", user="", payment_method="4111111111111111", amount=euros(0))
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        orders.AuthorizePayment(bad)
    assert set(refusal.fields) == {"order", "user", "amount", "payment_method"}
    finer = charge()
    finer.amount.nanos = 1
    with refused(Code.INVALID_ARGUMENT, "CURRENCY_UNKNOWN") as refusal:
        orders.AuthorizePayment(finer)
    assert refusal.fields == ["amount.nanos"]
    finer.amount.CopyFrom(Money(currency_code="XXX", units=1))
    with refused(Code.INVALID_ARGUMENT, "CURRENCY_UNKNOWN") as refusal:
        orders.AuthorizePayment(finer)
    assert refusal.fields == ["amount.currency_code"]
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        orders.RefundPayment(RefundPaymentRequest(name="payments/1", amount=euros(1)))
    assert refusal.fields == ["request_id"]
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID"):
        staff.ListPayments(ListPaymentsRequest(page_size=-1))
    assert staff.ListPayments(ListPaymentsRequest()).payments == []


def test_events_carry_amounts_and_versions(payments: Served, orders: PaymentServiceStub) -> None:
    orders.AuthorizePayment(charge())
    orders.CapturePayment(capture())
    orders.RefundPayment(refund(1000))
    statement = select(OUTBOX.c.payload, OUTBOX.c.aggregate, OUTBOX.c.version).order_by(OUTBOX.c.id)
    held, charged, paid_back = payments.runtime.database.read(lambda connection: connection.execute(statement).all())
    authorized = events.PaymentAuthorized.FromString(held.payload)
    assert (authorized.payment, authorized.order, authorized.amount) == ("payments/1", "orders/1", euros(2500))
    assert [authorized.version, held.version] == [2, 2]
    assert events.PaymentCaptured.FromString(charged.payload).version == 3
    refunded = events.PaymentRefunded.FromString(paid_back.payload)
    assert (refunded.amount, refunded.refunded_amount, refunded.version) == (euros(1000), euros(1000), 4)
    assert {row.aggregate for row in (held, charged, paid_back)} == {"payments/1"}
