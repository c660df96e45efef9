"""Placing orders through the front door: what is answered, what is refused, and what a repeat does."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from uuid import uuid4

import grpc
import pytest
from bookstore.orders.v1 import orders_events_pb2 as events
from bookstore.orders.v1.order_pb2 import Order
from bookstore.orders.v1.orders_requests_pb2 import (
    GetOrderRequest,
    ListOrdersRequest,
    PlaceOrderRequest,
    RefundOrderRequest,
)
from bookstore.orders.v1.orders_service_pb2_grpc import OrderServiceStub

from chassis.testing import Served, refused
from tests.integration.test_orders.fakes import Shop
from tests.integration.test_orders.harness import ADDRESS, BUYER, CART, TOTAL, published, wish
from tests.money import euros

Code = grpc.StatusCode


def test_an_order_is_placed(buyer: OrderServiceStub, served: Served, shop: Shop) -> None:
    order, call = buyer.PlaceOrder.with_call(wish(TOTAL))
    assert (order.state, order.user, order.cart) == (Order.STATE_CONFIRMED, BUYER, CART)
    assert [(line.book, line.quantity, line.total) for line in order.lines] == [
        ("books/dune", 2, euros(1998)),
        ("books/emma", 1, euros(1450)),
    ]
    assert (order.quote.total, order.quote.shipping_total) == (euros(TOTAL), euros(390))
    assert order.payment == order.name.replace("orders/", "payments/")
    assert order.shipping_address == ADDRESS
    assert [step.state for step in order.history] == [Order.STATE_PENDING, Order.STATE_CONFIRMED]
    assert order.refunded_total == euros(0)
    assert shop.net_charge(order.name.removeprefix("orders/")) == TOTAL
    assert ("location", f"/v1/{order.name}") in list(call.initial_metadata())
    assert buyer.GetOrder(GetOrderRequest(name=order.name)) == order


def test_a_price_that_came_with_the_cart_is_not_asked_for_again(buyer: OrderServiceStub, shop: Shop) -> None:
    basket = shop.carts.baskets[CART]
    shop.carts.baskets[CART] = replace(basket, priced=shop.prices.price(basket))
    shop.prices.books.clear()
    with refused(Code.FAILED_PRECONDITION, "PRICE_CHANGED"):
        buyer.PlaceOrder(wish(TOTAL - 1))
    assert buyer.PlaceOrder(wish(TOTAL)).state == Order.STATE_CONFIRMED


def test_events_carry_ids_and_amounts_and_no_address(buyer: OrderServiceStub, served: Served, shop: Shop) -> None:
    shop.carts.put(CART, {"books/dune": 2}, ["SAVE10", "OTHER"])
    order = buyer.PlaceOrder(wish(1998 - 199 + 390))
    placed, confirmed = published(served)
    assert isinstance(placed, events.OrderPlaced)
    assert isinstance(confirmed, events.OrderConfirmed)
    assert (placed.version, confirmed.version, confirmed.order) == (1, 2, order.name)
    assert (confirmed.cart, confirmed.user, list(confirmed.coupons)) == (CART, BUYER, ["SAVE10"])
    copies = events.OrderedCopies(
        book="books/dune", quantity=2, unit_price=euros(999), total=euros(1799), title="The dune"
    )
    assert list(confirmed.lines) == list(placed.lines) == [copies]
    assert "Weimar" not in str(placed) + str(confirmed)


def test_digital_books_need_no_stock_and_no_address(buyer: OrderServiceStub, shop: Shop) -> None:
    shop.carts.put(CART, {"books/ebook": 3})
    order = buyer.PlaceOrder(wish(999))
    assert order.state == Order.STATE_CONFIRMED
    assert not order.HasField("shipping_address")
    assert shop.faults.taken == ["authorize", "capture"]
    request = wish(999, number=2)
    request.ClearField("shipping_address")
    assert buyer.PlaceOrder(request).state == Order.STATE_CONFIRMED


def test_what_costs_nothing_is_not_paid(buyer: OrderServiceStub, staff: OrderServiceStub, shop: Shop) -> None:
    shop.carts.put(CART, {"books/gift": 1})
    order = buyer.PlaceOrder(wish(0))
    assert (order.state, order.payment, shop.faults.taken) == (Order.STATE_CONFIRMED, "", [])
    assert staff.RefundOrder(RefundOrderRequest(name=order.name)).state == Order.STATE_REFUNDED
    assert shop.faults.taken == []


def test_a_declined_order_says_why(buyer: OrderServiceStub, served: Served) -> None:
    order = buyer.PlaceOrder(wish(TOTAL, method="pm_declined"))
    assert (order.state, order.reject_reason) == (Order.STATE_REJECTED, "PAYMENT_DECLINED")
    assert published(served)[-1].reject_reason == "PAYMENT_DECLINED"


def test_a_repeated_request_answers_the_same_order(buyer: OrderServiceStub, served: Served, shop: Shop) -> None:
    first = buyer.PlaceOrder(wish(TOTAL))
    shop.carts.put(CART, {})
    assert buyer.PlaceOrder(wish(TOTAL)) == first
    assert len(buyer.ListOrders(ListOrdersRequest()).orders) == 1
    with refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED") as refusal:
        buyer.PlaceOrder(wish(TOTAL, method="pm_slow"))
    assert refusal.fields == ["request_id"]


def test_the_header_stands_for_the_request_id(buyer: OrderServiceStub) -> None:
    key = str(uuid4())
    first = buyer.PlaceOrder(wish(TOTAL, number=None), metadata=(("idempotency-key", key),))
    for spelling in (key, key.upper(), f'"{key}"'):
        assert buyer.PlaceOrder(wish(TOTAL, number=None), metadata=(("idempotency-key", spelling),)) == first


@pytest.mark.parametrize("number", [None, 1], ids=["alone", "beside a request_id"])
@pytest.mark.parametrize("key", ["1", "once", "8e03978e40d543ddbc936894a57f9324", "x" * 300])
def test_a_header_that_is_no_uuid_is_rejected(buyer: OrderServiceStub, key: str, number: int | None) -> None:
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        buyer.PlaceOrder(wish(TOTAL, number=number), metadata=(("idempotency-key", key),))
    assert refusal.fields == ["Idempotency-Key"]
    assert "must be a UUID, such as" in refusal.message


def test_a_request_id_belongs_to_its_user(buyer: OrderServiceStub, stranger: OrderServiceStub) -> None:
    mine, theirs = buyer.PlaceOrder(wish(TOTAL)), stranger.PlaceOrder(wish(1450 + 390))
    assert mine.name != theirs.name


def test_without_a_request_id_a_cart_that_was_changed_is_ordered_again(buyer: OrderServiceStub) -> None:
    names = {buyer.PlaceOrder(wish(TOTAL, number=None)).name for _ in range(2)}
    assert len(names) == 2


def test_pressing_twice_buys_once(buyer: OrderServiceStub, shop: Shop) -> None:
    shop.carts.edited = False
    order = buyer.PlaceOrder(wish(TOTAL, number=1))
    for number in (2, None):
        with refused(Code.FAILED_PRECONDITION, "CART_ORDERED") as refusal:
            buyer.PlaceOrder(wish(TOTAL, number=number))
        assert refusal.metadata == {"cart": CART, "order": order.name}
    assert len(buyer.ListOrders(ListOrdersRequest()).orders) == 1


def test_parallel_presses_buy_once(buyer: OrderServiceStub, shop: Shop) -> None:
    shop.carts.edited = False

    def press(number: int) -> str:
        try:
            return buyer.PlaceOrder(wish(TOTAL, number=number)).name
        except grpc.RpcError:
            return ""

    with ThreadPoolExecutor(8) as pool:
        ordered = [name for name in pool.map(press, range(1, 9)) if name]
    assert len(ordered) == 1
    assert [order.name for order in buyer.ListOrders(ListOrdersRequest()).orders] == ordered


def test_after_a_rejection_the_same_cart_can_be_ordered(buyer: OrderServiceStub, shop: Shop) -> None:
    shop.carts.edited = False
    assert buyer.PlaceOrder(wish(TOTAL, method="pm_declined", number=1)).state == Order.STATE_REJECTED
    assert buyer.PlaceOrder(wish(TOTAL, number=2)).state == Order.STATE_CONFIRMED


def test_parallel_repeats_make_one_order(buyer: OrderServiceStub, shop: Shop, served: Served) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: buyer.PlaceOrder(wish(TOTAL)), range(16)))
    assert len({answer.name for answer in answers}) == 1
    assert {answer.state for answer in answers} <= {Order.STATE_PENDING, Order.STATE_CONFIRMED}
    assert len(shop.payments.payments) == 1
    assert shop.sold() == {"books/dune": 2, "books/emma": 1}


def test_the_last_copy_is_sold_once(buyer: OrderServiceStub, shop: Shop) -> None:
    shop.carts.put(CART, {"books/emma": 1})
    shop.stock.available["books/emma"] = 1
    with ThreadPoolExecutor(4) as pool:
        orders = list(pool.map(lambda number: buyer.PlaceOrder(wish(1840, number=number)), range(6)))
    outcomes = sorted((order.state, order.reject_reason) for order in orders)
    assert outcomes == [(Order.STATE_CONFIRMED, "")] + [(Order.STATE_REJECTED, "OUT_OF_STOCK")] * 5


def empty_cart(shop: Shop) -> None:
    shop.carts.put(CART, {})


def no_cart(shop: Shop) -> None:
    shop.carts.baskets.clear()


def missing_book(shop: Shop) -> None:
    del shop.prices.books["books/emma"]


def carts_down(shop: Shop) -> None:
    shop.carts.down = True


@pytest.mark.parametrize(
    ("change", "request_fields", "code", "reason", "about"),
    [
        (no_cart, {}, Code.NOT_FOUND, "CART_NOT_FOUND", {"cart": "carts/me"}),
        (empty_cart, {}, Code.FAILED_PRECONDITION, "CART_EMPTY", {"cart": CART}),
        (missing_book, {}, Code.FAILED_PRECONDITION, "BOOK_MISSING", {"book": "books/emma"}),
        (carts_down, {}, Code.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE", {"service": "carts"}),
        (
            None,
            {"expected_total": euros(TOTAL - 1)},
            Code.FAILED_PRECONDITION,
            "PRICE_CHANGED",
            {"expected": "38.37 EUR", "current": "38.38 EUR"},
        ),
    ],
)
def test_what_cannot_be_ordered_makes_no_order(
    buyer: OrderServiceStub,
    shop: Shop,
    change: Callable[[Shop], None] | None,
    request_fields: dict[str, Any],
    code: grpc.StatusCode,
    reason: str,
    about: dict[str, str],
) -> None:
    if change is not None:
        change(shop)
    with refused(code, reason) as refusal:
        buyer.PlaceOrder(wish(TOTAL, **request_fields))
    assert refusal.metadata == about
    assert not buyer.ListOrders(ListOrdersRequest()).orders
    assert shop.faults.taken == []


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        (
            {"expected_total": {"currency_code": "USD", "units": 38}},
            "CURRENCY_MISMATCH",
            "expected_total.currency_code",
        ),
        (
            {"expected_total": {"currency_code": "XXX", "units": 38}},
            "CURRENCY_MISMATCH",
            "expected_total.currency_code",
        ),
        ({"expected_total": {"currency_code": "EUR", "nanos": 1}}, "FIELD_INVALID", "expected_total.nanos"),
        ({"expected_total": None}, "FIELD_INVALID", "expected_total"),
        ({"shipping_address": None}, "SHIPPING_ADDRESS_REQUIRED", "shipping_address"),
        ({"shipping_address": {"region_code": "Germany", "address_lines": ["x"]}}, "FIELD_INVALID", "shipping_address"),
        ({"payment_method": "4111111111111111"}, "FIELD_INVALID", "payment_method"),
        ({"cart": "basket"}, "FIELD_INVALID", "cart"),
        ({"request_id": "1"}, "FIELD_INVALID", "request_id"),
    ],
)
def test_a_bad_request_names_the_field(
    buyer: OrderServiceStub, shop: Shop, change: dict[str, Any], reason: str, field: str
) -> None:
    request = wish(TOTAL)
    for name, value in change.items():
        request.ClearField(name)  # type: ignore[arg-type]  # a name of the table above
        request.MergeFrom(PlaceOrderRequest(**{name: value}))
    with refused(Code.INVALID_ARGUMENT, reason) as refusal:
        buyer.PlaceOrder(request)
    assert refusal.fields == [field]
    assert shop.faults.taken == []
