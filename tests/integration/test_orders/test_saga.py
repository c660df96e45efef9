"""The checkout saga under failures: every order ends, and money, stock and coupons agree with how it ended."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from bookstore.orders.v1.order_pb2 import Order
from bookstore.orders.v1.orders_errors import OrderStateInvalid, PaymentPending, RefundExceedsOrder
from bookstore.orders.v1.orders_requests_pb2 import RefundOrderRequest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from services.orders.store import SAGA_STEPS
from tests.integration.test_orders.fakes import Fault, Shop
from tests.integration.test_orders.harness import CART, Machine, wish

STEPS = ("reserve", "redeem", "authorize", "commit", "capture")
BOOKS = {"books/dune": 2, "books/emma": 1, "books/ebook": 1}
TOTAL = 2 * 999 - 199 + 1450 - 145 + 333 - 33
OUT_OF_TIME = timedelta(seconds=121)


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path, a_shop())
    yield machine
    machine.close()


def a_shop(**fields: int) -> Shop:
    shop = Shop(**fields)
    shop.carts.put(CART, BOOKS, ["SAVE10", "OTHER"])
    return shop


def assert_books_agree(machine: Machine) -> None:
    """Money, stock, coupons and state agree for every order of the machine."""
    shop, sold, uses = machine.shop, dict[str, int](), 0
    assert machine.process.unfinished() == []
    for order_id in machine.process.orders():
        order = machine.process.stored(order_id)
        owed = order.total.minor - order.refunded.minor
        payment, reservation = shop.payments.payments.get(order_id), shop.stock.reservations.get(order_id)
        assert payment is None or len(payment.charges) <= 1
        assert payment is None or payment.state not in ("PENDING", "AUTHORIZED")
        assert reservation is None or reservation.state != "ACTIVE"
        if order.state in ("REJECTED", "CANCELLED"):
            assert shop.net_charge(order_id) == 0
            assert reservation is None or reservation.state == "RELEASED"
            assert shop.coupons.uses.get((order_id, "SAVE10")) != "REDEEMED"
        else:
            assert order.state in ("CONFIRMED", "REFUNDED")
            assert shop.net_charge(order_id) == owed
            assert reservation is not None
            for book, quantity in reservation.lines.items():
                sold[book] = sold.get(book, 0) + quantity - reservation.returned.get(book, 0)
            uses += 1
    assert {book: count for book, count in sold.items() if count} == shop.sold()
    assert list(shop.coupons.uses.values()).count("REDEEMED") == uses


def test_a_checkout_without_trouble_takes_each_step_once(machine: Machine) -> None:
    order = machine.process.place(wish(TOTAL))
    assert order.state == Order.STATE_CONFIRMED
    assert machine.shop.faults.taken == list(STEPS)
    assert machine.process.events() == ["OrderPlaced", "OrderConfirmed"]
    assert_books_agree(machine)


def test_what_staff_do_meanwhile_survives_the_sagas_write(machine: Machine) -> None:
    """The saga does not read the order again: it must not write over what changed since under the same claim."""
    process = machine.process

    def ship() -> None:
        process.ship(f"orders/{process.orders()[0]}")

    machine.shop.faults.before[STEPS.index("capture")] = ship
    placed = process.place(wish(TOTAL))
    order = process.stored(placed.name.removeprefix("orders/"))
    assert (order.state, order.version) == ("SHIPPED", 3)
    assert [made.state for made in order.history] == ["PENDING", "CONFIRMED", "SHIPPED"]
    assert order.shipment is not None
    assert process.unfinished() == []


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("index", range(len(STEPS)))
def test_a_fault_at_any_step_of_a_good_checkout_is_overcome(machine: Machine, index: int, fault: Fault) -> None:
    machine.shop.faults.plan[index] = fault
    with machine.mortal():
        answer = machine.process.place(wish(TOTAL))
        assert answer.state == (Order.STATE_PENDING if index < 3 else Order.STATE_CONFIRMED)
    machine.finish()
    assert machine.crashes == (fault in (Fault.CRASH_BEFORE, Fault.CRASH_AFTER))
    assert machine.process.place(wish(TOTAL)).state == Order.STATE_CONFIRMED
    assert len(machine.process.orders()) == 1
    assert machine.process.events() == ["OrderPlaced", "OrderConfirmed"]
    assert_books_agree(machine)


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("index", range(6))
def test_a_fault_at_any_step_of_a_declined_checkout_leaves_nothing_behind(
    machine: Machine, index: int, fault: Fault
) -> None:
    machine.shop.faults.plan[index] = fault
    with machine.mortal():
        machine.process.place(wish(TOTAL, method="pm_declined"))
    machine.finish()
    order = machine.process.place(wish(TOTAL, method="pm_declined"))
    assert (order.state, order.reject_reason) == (Order.STATE_REJECTED, "PAYMENT_DECLINED")
    assert machine.process.events() == ["OrderPlaced", "OrderRejected"]
    assert_books_agree(machine)


@pytest.mark.parametrize(
    ("step", "reason", "undone"),
    [
        ("reserve", "OUT_OF_STOCK", ["release"]),
        ("redeem", "COUPON_UNAVAILABLE", ["unredeem", "release"]),
        ("authorize", "INSUFFICIENT_FUNDS", ["void", "unredeem", "release"]),
    ],
)
def test_a_refusal_undoes_what_was_begun_in_reverse(
    machine: Machine, step: str, reason: str, undone: list[str]
) -> None:
    if step == "reserve":
        machine.shop.stock.available["books/emma"] = 0
    if step == "redeem":
        machine.shop.coupons.limit = 0
    order = machine.process.place(wish(TOTAL, method="pm_insufficient_funds"))
    assert (order.state, order.reject_reason) == (Order.STATE_REJECTED, reason)
    assert order.history[-1].reason == reason
    assert machine.shop.faults.taken == [*STEPS[: STEPS.index(step) + 1], *undone]
    machine.shop.stock.available["books/emma"] = machine.shop.copies
    assert_books_agree(machine)


def test_a_step_that_is_down_before_the_pivot_ends_in_a_rejection(machine: Machine) -> None:
    machine.shop.faults.down.add("authorize")
    assert machine.process.place(wish(TOTAL)).state == Order.STATE_PENDING
    for _ in range(20):
        machine.clock.advance(timedelta(seconds=10))
        machine.process.work()
    order = machine.process.place(wish(TOTAL))
    assert (order.state, order.reject_reason) == (Order.STATE_REJECTED, "CHECKOUT_TIMEOUT")
    assert_books_agree(machine)


def test_a_checkout_goes_on_soon_after_a_service_that_was_down_is_back(machine: Machine) -> None:
    machine.shop.faults.down.add("authorize")
    machine.process.place(wish(TOTAL))
    for _ in range(65):
        machine.clock.advance(timedelta(seconds=1))
        machine.process.work()
    machine.shop.faults.down.clear()
    machine.clock.advance(timedelta(seconds=4))
    machine.process.work()
    assert machine.process.place(wish(TOTAL)).state == Order.STATE_CONFIRMED
    assert_books_agree(machine)


def test_a_step_that_is_down_after_the_pivot_is_repeated_until_it_succeeds(machine: Machine) -> None:
    machine.shop.faults.down.add("capture")
    order = machine.process.place(wish(TOTAL))
    assert order.state == Order.STATE_CONFIRMED
    for _ in range(50):
        machine.clock.advance(timedelta(minutes=10))
        machine.process.work()
    assert machine.shop.net_charge(order.name.removeprefix("orders/")) == 0
    machine.shop.faults.down.clear()
    machine.finish()
    assert_books_agree(machine)


def test_a_compensation_that_is_down_keeps_the_order_pending_until_it_is_done(machine: Machine) -> None:
    machine.shop.faults.down.add("release")
    order = machine.process.place(wish(TOTAL, method="pm_declined"))
    assert (order.state, order.reject_reason) == (Order.STATE_PENDING, "")
    machine.shop.faults.down.clear()
    machine.finish()
    assert_books_agree(machine)


def test_a_slow_payment_is_finished_by_the_worker(machine: Machine) -> None:
    order = machine.process.place(wish(TOTAL, method="pm_slow"))
    assert order.state == Order.STATE_PENDING
    assert order.payment == order.name.replace("orders", "payments")
    machine.process.work()
    assert machine.shop.faults.taken.count("authorize") == 1  # it is too early
    machine.finish()
    assert machine.process.place(wish(TOTAL, method="pm_slow")).state == Order.STATE_CONFIRMED
    assert_books_agree(machine)


def test_a_repeated_request_goes_on_with_an_order_that_is_due(machine: Machine) -> None:
    machine.shop.faults.plan[2] = Fault.LOST_BEFORE
    machine.process.place(wish(TOTAL))
    assert machine.process.place(wish(TOTAL)).state == Order.STATE_PENDING
    machine.clock.advance(timedelta(seconds=1))
    assert machine.process.place(wish(TOTAL)).state == Order.STATE_CONFIRMED


@pytest.mark.parametrize("left", [{}, {"books/dune": 1}])
def test_a_repeat_that_meets_the_cart_after_its_order_answers_the_order(machine: Machine, left: dict[str, int]) -> None:
    placed: list[Order] = []

    def meanwhile() -> None:
        placed.append(machine.process.place(wish(TOTAL)))
        machine.shop.carts.put(CART, left)  # OrderConfirmed has taken the ordered copies out

    machine.shop.carts.meanwhile = meanwhile
    assert machine.process.place(wish(TOTAL)) == placed[0]
    assert_books_agree(machine)


@pytest.mark.parametrize("passed", [timedelta(seconds=9), OUT_OF_TIME])
@pytest.mark.parametrize("index", range(len(STEPS)))
def test_a_worker_paused_past_its_claim_does_no_harm(machine: Machine, index: int, passed: timedelta) -> None:
    def others_go_on() -> None:
        machine.clock.advance(passed)
        other = machine.another()
        other.work()
        assert other.unfinished() == []
        other.close()

    machine.shop.faults.before[index] = others_go_on
    order = machine.process.place(wish(TOTAL))
    rejected = passed is OUT_OF_TIME and index < 3
    assert order.state == (Order.STATE_REJECTED if rejected else Order.STATE_CONFIRMED)
    assert machine.process.events() == ["OrderPlaced", "OrderRejected" if rejected else "OrderConfirmed"]
    assert_books_agree(machine)


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("index", range(4))
@pytest.mark.parametrize("captured", [True, False])
def test_a_fault_at_any_step_of_a_cancellation_is_overcome(
    machine: Machine, index: int, fault: Fault, captured: bool
) -> None:
    if not captured:
        machine.shop.faults.down.add("capture")
    order = machine.process.place(wish(TOTAL))
    machine.shop.faults.plan[len(machine.shop.faults.taken) + index] = fault
    with machine.mortal():
        assert machine.process.cancel(order.name).state == Order.STATE_CANCELLED
    machine.finish()
    after = machine.process.stored(order.name.removeprefix("orders/"))
    assert after.refunded.minor == (TOTAL if captured else 0)
    assert machine.process.events() == ["OrderPlaced", "OrderConfirmed", "OrderCancelled"]
    assert_books_agree(machine)


@pytest.mark.parametrize("fault", Fault)
@pytest.mark.parametrize("index", range(3))
def test_a_fault_at_any_step_of_a_refund_is_overcome(machine: Machine, index: int, fault: Fault) -> None:
    order = machine.process.place(wish(TOTAL))
    machine.shop.faults.plan[len(machine.shop.faults.taken) + index] = fault
    part = RefundOrderRequest(name=order.name, restock=True)
    part.lines.add(book="books/dune", quantity=1)
    for _ in range(2):  # two refunds of the same copies are two refunds
        with machine.mortal():
            machine.process.refund(part)
    machine.finish()
    assert machine.shop.stock.available["books/dune"] == machine.shop.copies
    assert_books_agree(machine)


def test_the_log_tells_what_the_saga_did(machine: Machine) -> None:
    machine.shop.faults.plan[1] = Fault.LOST_AFTER
    machine.process.place(wish(TOTAL))
    machine.finish()
    statement = select(SAGA_STEPS.c.fence, SAGA_STEPS.c.step, SAGA_STEPS.c.outcome).order_by(SAGA_STEPS.c.id)
    rows = machine.process.runtime.database.read(lambda connection: connection.execute(statement).all())
    assert [tuple(row) for row in rows] == [
        (1, "RESERVE_STOCK", "DONE"),
        (1, "REDEEM_COUPON", "FAILED"),
        (2, "RESERVE_STOCK", "DONE"),
        (2, "REDEEM_COUPON", "DONE"),
        (2, "AUTHORIZE_PAYMENT", "DONE"),
        (2, "COMMIT_STOCK", "DONE"),
        (2, "CAPTURE_PAYMENT", "DONE"),
    ]


faults = st.dictionaries(st.integers(0, 24), st.sampled_from(Fault), max_size=6)
methods = st.sampled_from(["pm_ok", "pm_ok", "pm_slow", "pm_declined"])
verbs = st.sampled_from(["cancel", "refund one", "refund all"])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=faults, buyers=st.lists(methods, min_size=1, max_size=3), then=st.lists(verbs, max_size=3))
def test_whatever_fails_every_order_ends_and_the_books_agree(
    plan: dict[int, Fault], buyers: list[str], then: list[str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(Path(folder), a_shop(copies=4))
        machine.shop.faults.plan = plan
        try:
            for number, method in enumerate(buyers):
                with machine.mortal():
                    machine.process.place(wish(TOTAL, method=method, number=number))
            for verb in then:
                for order_id in machine.process.orders():
                    with machine.mortal():
                        _try(machine, verb, f"orders/{order_id}")
            machine.finish()
            assert len(machine.process.orders()) == len(buyers)
            assert_books_agree(machine)
        finally:
            machine.close()


def _try(machine: Machine, verb: str, name: str) -> None:
    request = RefundOrderRequest(name=name, restock=True)
    if verb == "refund one":
        request.lines.add(book="books/emma", quantity=1)
    with suppress(OrderStateInvalid, PaymentPending, RefundExceedsOrder):
        if verb == "cancel":
            machine.process.cancel(name)
        else:
            machine.process.refund(request)
