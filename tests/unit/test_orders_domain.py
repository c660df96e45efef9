"""The rules of orders: transitions, what refunds cost, reasons."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import pytest
from bookstore.orders.v1.orders_errors import OrderStateInvalid, PaymentPending, RefundExceedsOrder
from hypothesis import given
from hypothesis import strategies as st

from chassis.kernel import Money
from services.orders.order import (
    TRANSITIONS,
    WATCHED_TO_THE_END,
    Order,
    Progress,
    State,
    Step,
    Transition,
    Work,
)
from services.orders.order_lines import OrderLine, UnitDiscount

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def euros(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def a_line(book: str = "books/dune", quantity: int = 3, price: int = 999, discount: int = 100) -> OrderLine:
    each, more = divmod(discount, quantity)
    groups = [
        UnitDiscount(quantity=count, discount=euros(off))
        for count, off in ((quantity - more, each), (more, each + 1))
        if count
    ]
    return OrderLine(
        book=book,
        title="Dune",
        digital=False,
        quantity=quantity,
        unit_price=euros(price),
        unit_discounts=tuple(groups),
    )


def an_order(*lines: OrderLine, shipping: int = 0) -> Order:
    lines = lines or (a_line(),)
    return Order(
        id="1",
        user="users/ada",
        cart="carts/ada",
        lines=lines,
        coupons=(),
        total=sum((line.total for line in lines), start=euros(shipping)),
        quote=b"",
        payment_method="pm_ok",
        shipping_address=None,
        create_time=NOW,
        update_time=NOW,
        refunded=euros(0),
        history=(Transition(state=State.PENDING, version=1, time=NOW),),
        progress=Progress(due=NOW),
    )


def in_state(state: State) -> Order:
    """An order that went the shortest way there."""
    pending = an_order()
    confirmed = pending.confirm(NOW).settle()
    shipped = confirmed.ship(carrier="", tracking_code="", etag="", now=NOW)
    return {
        State.PENDING: pending,
        State.CONFIRMED: confirmed,
        State.SHIPPED: shipped,
        State.DELIVERED: shipped.deliver(etag="", now=NOW),
        State.REJECTED: pending.give_up("OUT_OF_STOCK", None).reject(NOW),
        State.CANCELLED: confirmed.cancel(reason="", etag="", now=NOW).settle(),
        State.REFUNDED: refund(confirmed, {}).settle(),
    }[state]


def refund(order: Order, quantities: dict[str, int]) -> Order:
    return order.refund("key", quantities, restock=False, reason="", etag="", now=NOW)[0]


def moved(order: Order, to: State) -> Order:
    """The order taken to a state by the verb that leads there."""
    if to is State.CONFIRMED:
        return order.confirm(NOW)
    if to is State.REJECTED:
        return order.give_up("OUT_OF_STOCK", None).reject(NOW)
    if to is State.SHIPPED:
        return order.ship(carrier="", tracking_code="", etag="", now=NOW)
    if to is State.DELIVERED:
        return order.deliver(etag="", now=NOW)
    if to is State.CANCELLED:
        return order.cancel(reason="", etag="", now=NOW)
    return refund(order, {})


def test_the_table_of_transitions_is_total() -> None:
    assert set(TRANSITIONS) == set(State)
    ends = {state for state, targets in TRANSITIONS.items() if not targets}
    assert ends | {State.DELIVERED} == WATCHED_TO_THE_END


@pytest.mark.parametrize("to", [state for state in State if state is not State.PENDING])
@pytest.mark.parametrize("source", State)
def test_orders_move_along_the_table_and_no_other_way(source: State, to: State) -> None:
    order = in_state(source)
    repeatable = source is to and to in (State.SHIPPED, State.DELIVERED, State.CANCELLED)
    if repeatable:
        assert moved(order, to) is order
    elif to in TRANSITIONS[source]:
        after = moved(order, to)
        assert (after.state, after.version) == (to, order.version + 1)
        assert after.history[:-1] == order.history
        assert after.history[-1].state is to
    else:
        with pytest.raises(OrderStateInvalid) as refused:
            moved(order, to)
        assert refused.value.metadata == {"order": "orders/1", "state": source.value, "target": to.value}


def test_nothing_is_paid_back_before_it_is_charged() -> None:
    with pytest.raises(PaymentPending):
        refund(an_order().confirm(NOW), {})


def test_whoever_had_the_order_is_shut_out_by_a_cancellation() -> None:
    confirmed = an_order().confirm(NOW)
    cancelled = confirmed.cancel(reason="", etag="", now=NOW)
    assert cancelled.progress.fence > confirmed.progress.fence
    assert cancelled.progress.work is Work.CANCELLING


def test_steps_that_may_have_begun_are_those_up_to_the_one_reached() -> None:
    order = an_order()
    assert not order.may_have_begun(Step.RESERVE_STOCK)
    given_up = order.give_up("COUPON_UNAVAILABLE", Step.REDEEM_COUPON)
    assert given_up.may_have_begun(Step.RESERVE_STOCK)
    assert given_up.may_have_begun(Step.REDEEM_COUPON)
    assert not given_up.may_have_begun(Step.AUTHORIZE_PAYMENT)
    assert given_up.payment == ""


def test_unit_discounts_must_cover_the_copies() -> None:
    with pytest.raises(ValueError, match="do not cover"):
        OrderLine(book="books/x", title="", digital=False, quantity=2, unit_price=euros(1), unit_discounts=())


def test_refunds_go_down_the_list_of_discounts() -> None:
    line = OrderLine(
        book="books/dune",
        title="Dune",
        digital=False,
        quantity=3,
        unit_price=euros(900),
        unit_discounts=(
            UnitDiscount(quantity=2, discount=euros(0)),
            UnitDiscount(quantity=1, discount=euros(900)),
        ),
    )
    order = an_order(line, shipping=390).confirm(NOW).settle()
    amounts = []
    for _ in range(3):
        order, part = order.refund("key", {"books/dune": 1}, restock=False, reason="", etag="", now=NOW)
        amounts.append(part.amount.minor)
    assert amounts == [900, 900, 390]
    assert order.state is State.REFUNDED


lines_of_orders = st.lists(
    st.builds(
        lambda quantity, price, share: (quantity, price, price * quantity * share // 100),
        st.integers(1, 12),
        st.integers(0, 5000),
        st.integers(0, 100),
    ),
    min_size=1,
    max_size=5,
)


@given(parts=lines_of_orders, shipping=st.integers(0, 900), data=st.data())
def test_refunds_in_any_order_sum_to_the_charge(
    parts: list[tuple[int, int, int]], shipping: int, data: st.DataObject
) -> None:
    lines = [
        a_line(f"books/{number}", quantity, price, discount) for number, (quantity, price, discount) in enumerate(parts)
    ]
    order = an_order(*lines, shipping=shipping).confirm(NOW).settle()
    paid_back, refunded = 0, [order.refunded]
    while order.state is not State.REFUNDED:
        left = {line.book: line.left for line in order.lines if line.left}
        some = data.draw(st.lists(st.sampled_from(sorted(left)), unique=True), label="books")
        quantities = {book: data.draw(st.integers(1, left[book]), label=book) for book in some}
        order, part = order.refund("key", quantities, restock=False, reason="", etag="", now=NOW)
        assert part.amount.minor >= 0
        paid_back += part.amount.minor
        refunded.append(order.refunded)
    assert paid_back == order.total.minor
    assert order.refunded == order.total
    assert all(earlier <= later for earlier, later in pairwise(refunded))


@given(quantity=st.integers(1, 12), taken=st.integers(1, 99))
def test_no_more_copies_are_paid_back_than_are_left(quantity: int, taken: int) -> None:
    order = an_order(a_line(quantity=quantity)).confirm(NOW).settle()
    if taken <= quantity:
        assert refund(order, {"books/dune": taken}).lines[0].left == quantity - taken
    else:
        with pytest.raises(RefundExceedsOrder):
            refund(order, {"books/dune": taken})
