"""What baskets cost, through the front door."""

from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from bookstore.promotions.v1.promotion_pb2 import Promotion
from bookstore.promotions.v1.promotions_service_pb2 import (
    BasketLine,
    PriceBasketRequest,
)
from bookstore.promotions.v1.promotions_service_pb2_grpc import PromotionServiceStub
from bookstore.promotions.v1.quote_pb2 import CouponOutcome, PromotionOutcome
from google.type.money_pb2 import Money

from chassis.testing import FakeClock, refused, running
from chassis.wire import timestamp
from services.promotions.app import build
from tests.integration.fake_catalog import FakeCatalog
from tests.integration.test_promotions.stand import TENTH, THREE_FOR_TWO, create, priced
from tests.money import cents

Code = grpc.StatusCode


def test_buy_two_get_the_cheapest_free(
    staff: PromotionServiceStub, anyone: PromotionServiceStub, catalog: FakeCatalog
) -> None:
    create(staff, Promotion(title="Three for two", priority=100, buy_x_get_y=THREE_FOR_TWO), "three")
    create(staff, Promotion(title="Readers", priority=50, coupon_code="READ10", percentage=TENTH), "readers")
    calls = catalog.calls
    quote = priced(anyone, emma=1, dune=1, ulysses=1)
    assert catalog.calls == calls + 1
    assert [(line.title, cents(line.unit_price), cents(line.discount), cents(line.total)) for line in quote.lines] == [
        ("Emma", 1000, 0, 1000),
        ("Dune", 900, 0, 900),
        ("Ulysses", 800, 800, 0),
    ]
    assert (cents(quote.subtotal), cents(quote.discount_total), cents(quote.total)) == (2700, 800, 1900)
    assert (cents(quote.shipping_total), cents(quote.tax_total)) == (0, 0)
    (outcome,) = quote.promotions
    assert outcome.promotion == "promotions/three"
    assert (outcome.applied, cents(outcome.amount), outcome.reason) == (True, 800, PromotionOutcome.REASON_APPLIED)

    with_coupon = priced(anyone, "read10", emma=1, dune=1, ulysses=1)
    assert cents(with_coupon.total) == 1710
    assert [(cents(o.amount), o.reason) for o in with_coupon.promotions] == [
        (800, PromotionOutcome.REASON_APPLIED),
        (190, PromotionOutcome.REASON_APPLIED),
    ]
    (coupon,) = with_coupon.coupons
    assert (coupon.coupon, coupon.state, coupon.promotion) == (
        "READ10",
        CouponOutcome.STATE_ACCEPTED,
        "promotions/readers",
    )


def test_a_quote_says_what_is_missing(staff: PromotionServiceStub, anyone: PromotionServiceStub) -> None:
    create(staff, Promotion(title="Three for two", buy_x_get_y=THREE_FOR_TWO), "three")
    (outcome,) = priced(anyone, emma=1, dune=1).promotions
    assert (outcome.applied, outcome.reason) == (False, PromotionOutcome.REASON_NOT_ENOUGH_COPIES)
    assert outcome.message == "Add 1 more book and the cheapest is free"


def test_coupons_that_are_no_good_are_no_error(
    clock: FakeClock, staff: PromotionServiceStub, anyone: PromotionServiceStub
) -> None:
    hour = timedelta(hours=1)
    soon, past = timestamp(clock.now() + hour), timestamp(clock.now() - hour)
    create(staff, Promotion(title="s", coupon_code="SOON", percentage=TENTH, start_time=soon))
    create(
        staff,
        Promotion(title="o", coupon_code="OVER", percentage=TENTH, start_time=past, end_time=timestamp(clock.now())),
    )
    quote = priced(anyone, "soon", "OVER", "none", "Soon", emma=1)
    assert [(coupon.coupon, CouponOutcome.State.Name(coupon.state)) for coupon in quote.coupons] == [
        ("SOON", "STATE_SCHEDULED"),
        ("OVER", "STATE_ENDED"),
        ("NONE", "STATE_UNKNOWN"),
    ]
    assert not quote.promotions
    assert cents(quote.total) == 1000
    clock.advance(hour)
    assert cents(priced(anyone, "soon", emma=1).total) == 900


def test_a_book_named_twice_is_one_line(anyone: PromotionServiceStub) -> None:
    lines = [BasketLine(book="books/emma", quantity=50), BasketLine(book="books/emma", quantity=49)]
    (line,) = anyone.PriceBasket(PriceBasketRequest(lines=lines)).lines
    assert line.quantity == 99
    lines.append(BasketLine(book="books/emma", quantity=1))
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        anyone.PriceBasket(PriceBasketRequest(lines=lines))
    assert refusal.fields == ["lines[2].quantity"]


def test_unknown_books_are_refused_or_named(anyone: PromotionServiceStub) -> None:
    with refused(Code.NOT_FOUND, "BOOK_NOT_FOUND") as refusal:
        priced(anyone, emma=1, nobody=1)
    assert refusal.metadata == {"book": "books/nobody"}
    lines = [BasketLine(book="books/nobody", quantity=1), BasketLine(book="books/emma", quantity=1)]
    quote = anyone.PriceBasket(PriceBasketRequest(lines=lines, allow_missing=True))
    assert list(quote.missing_books) == ["books/nobody"]
    assert [line.book for line in quote.lines] == ["books/emma"]


def test_a_basket_has_one_currency(staff: PromotionServiceStub, anyone: PromotionServiceStub) -> None:
    with refused(Code.FAILED_PRECONDITION, "CURRENCY_MISMATCH") as refusal:
        priced(anyone, emma=1, dollar=1)
    assert refusal.metadata == {"book": "books/dollar", "currency": "USD", "other": "EUR"}
    assert refusal.domain == "promotions.bookstore"
    create(staff, Promotion(title="x", percentage=TENTH, max_discount=Money(currency_code="EUR", units=1)))
    quote = priced(anyone, dollar=1)
    assert (quote.total.currency_code, cents(quote.total)) == ("USD", 700)
    assert quote.promotions[0].reason == PromotionOutcome.REASON_OTHER_CURRENCY


def test_an_empty_basket_costs_zero_in_the_shops_currency(anyone: PromotionServiceStub) -> None:
    quote = priced(anyone)
    assert (quote.total.currency_code, cents(quote.total)) == ("EUR", 0)


def test_shipping_is_for_paper(catalog_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKSTORE_SHIPPING_FEE_MINOR", "490")
    with running("promotions", build, folder=tmp_path, targets={"catalog": catalog_address}) as served:
        stub = served.stub(PromotionServiceStub)
        paper, files = priced(stub, emma=1, file=1), priced(stub, file=2)
    assert (cents(paper.shipping_total), cents(paper.total)) == (490, 1990)
    assert (cents(files.shipping_total), cents(files.total)) == (0, 1000)
    assert [line.digital for line in paper.lines] == [False, True]


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (PriceBasketRequest(lines=[BasketLine(book="books/emma", quantity=0)]), "lines[0].quantity"),
        (PriceBasketRequest(lines=[BasketLine(book="books/emma", quantity=100)]), "lines[0].quantity"),
        (PriceBasketRequest(lines=[BasketLine(book="emma", quantity=1)]), "lines[0].book"),
        (PriceBasketRequest(coupons=["!"]), "coupons[0]"),
        (PriceBasketRequest(coupons=["ABC"] * 11), "coupons"),
    ],
)
def test_bad_baskets_are_refused_with_the_field(
    anyone: PromotionServiceStub, request_: PriceBasketRequest, field: str
) -> None:
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        anyone.PriceBasket(request_)
    assert refusal.fields == [field]


@pytest.mark.parametrize("count", [2_000, 330_000])
def test_a_long_list_of_coupons_is_rejected_by_its_length(anyone: PromotionServiceStub, count: int) -> None:
    """Validating 330,000 items took 27 s of CPU; the client's side of the call runs in this process and counts too."""
    basket = PriceBasketRequest(coupons=[""] * count)
    started = time.process_time()
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        anyone.PriceBasket(basket)
    assert time.process_time() - started < 2
    assert (refusal.fields, refusal.message) == (["coupons"], f"coupons: must have at most 10 items, not {count}")


def test_a_hundred_bad_lines_fit_into_one_error(anyone: PromotionServiceStub) -> None:
    basket = PriceBasketRequest(lines=[BasketLine(book="Emma", quantity=1000)] * 100)
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        anyone.PriceBasket(basket)
    assert refusal.fields == [f"lines[{index}].{name}" for index in range(10) for name in ("book", "quantity")]
    assert refusal.message.endswith("and 195 more; the details list the first 20")


def test_without_the_catalog_nothing_can_be_priced(anyone: PromotionServiceStub, catalog: FakeCatalog) -> None:
    catalog.down = True
    try:
        with refused(Code.UNAVAILABLE, "STORAGE_UNAVAILABLE"):
            priced(anyone, emma=1)
    finally:
        catalog.down = False
