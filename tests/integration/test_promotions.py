"""Promotions through their front door: keeping them, and what baskets cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from bookstore.catalog.v1.book_pb2 import Book
from bookstore.promotions.v1.promotion_pb2 import BuyXGetY, Percentage, Promotion, PromotionCondition
from bookstore.promotions.v1.promotions_errors_pb2 import PromotionsErrorReason
from bookstore.promotions.v1.promotions_service_pb2 import (
    BasketLine,
    CreatePromotionRequest,
    DeletePromotionRequest,
    GetPromotionRequest,
    ListPromotionsRequest,
    PriceBasketRequest,
    UpdatePromotionRequest,
)
from bookstore.promotions.v1.promotions_service_pb2_grpc import PromotionServiceStub
from bookstore.promotions.v1.quote_pb2 import CouponOutcome, PromotionOutcome, Quote
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.money_pb2 import Money
from sqlalchemy import select

from services.chassis.kernel import ServiceError
from services.chassis.migrations import drift
from services.chassis.schema import OUTBOX
from services.chassis.testing import FakeClock, Served, refused, running
from services.chassis.wire import money_from, timestamp
from services.promotions import domain
from services.promotions.app import build
from services.promotions.storage import metadata
from tests.integration.fake_catalog import FakeCatalog, book

Code = grpc.StatusCode
THREE_FOR_TWO = BuyXGetY(buy_quantity=2, free_quantity=1)
TENTH = Percentage(percent_off=10)


@pytest.fixture(scope="module")
def catalog() -> FakeCatalog:
    return FakeCatalog(  # type: ignore[abstract]  # answers what promotions ask, no more
        book("emma", 1000, "Classics"),
        book("dune", 900, "Fantasy"),
        book("ulysses", 800),
        book("file", 500, format=Book.FORMAT_EBOOK),
        book("dollar", 700, currency="USD"),
    )


@pytest.fixture(scope="module")
def catalog_address(catalog: FakeCatalog, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running("catalog", catalog.build, folder=tmp_path_factory.mktemp("catalog"), migrations=False) as served:
        yield served.address


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def served(catalog_address: str, clock: FakeClock, tmp_path: Path) -> Iterator[Served]:
    with running("promotions", build, folder=tmp_path, targets={"catalog": catalog_address}, clock=clock) as promotions:
        yield promotions


@pytest.fixture
def anyone(served: Served) -> PromotionServiceStub:
    return served.stub(PromotionServiceStub)


@pytest.fixture
def staff(served: Served) -> PromotionServiceStub:
    return served.stub(PromotionServiceStub, user="users/staff", roles=("staff",))


def create(stub: PromotionServiceStub, promotion: Promotion, id: str = "", request_id: str = "") -> Promotion:  # noqa: A002
    return stub.CreatePromotion(CreatePromotionRequest(promotion=promotion, promotion_id=id, request_id=request_id))


def priced(stub: PromotionServiceStub, *coupons: str, **copies: int) -> Quote:
    lines = [BasketLine(book=f"books/{name}", quantity=quantity) for name, quantity in copies.items()]
    return stub.PriceBasket(PriceBasketRequest(lines=lines, coupons=coupons))


def cents(money: Money) -> int:
    return money_from(money).minor


def published(served: Served) -> list[str]:
    rows = served.runtime.database.read(
        lambda connection: connection.execute(select(OUTBOX.c.subject).order_by(OUTBOX.c.id)).scalars().all()
    )
    return [subject.rsplit(".", 1)[1] for subject in rows]


def test_the_schema_is_what_the_migrations_make(tmp_path: Path) -> None:
    assert drift("promotions", metadata, f"sqlite:///{tmp_path / 'empty.sqlite3'}") == []


def test_every_reason_is_in_the_contract() -> None:
    raised = {
        error.reason
        for error in vars(domain).values()
        if isinstance(error, type) and issubclass(error, ServiceError) and error is not ServiceError
    }
    promised = {name.removeprefix("PROMOTIONS_ERROR_REASON_") for name in PromotionsErrorReason.keys()}  # noqa: SIM118
    assert raised == promised - {"UNSPECIFIED"}


# --- keeping promotions ----------------------------------------------------------------------------------------------


def test_staff_make_a_promotion_and_everyone_reads_it(
    served: Served, staff: PromotionServiceStub, anyone: PromotionServiceStub
) -> None:
    made = create(staff, Promotion(title="Three for two", priority=100, buy_x_get_y=THREE_FOR_TWO), "three-for-two")
    assert made.name == "promotions/three-for-two"
    assert made.state == Promotion.STATE_ACTIVE
    assert made.start_time == made.create_time
    assert anyone.GetPromotion(GetPromotionRequest(name=made.name)) == made
    assert list(anyone.ListPromotions(ListPromotionsRequest()).promotions) == [made]
    assert published(served) == ["PromotionCreated"]


def test_the_server_makes_an_id_and_keeps_all_terms(staff: PromotionServiceStub) -> None:
    promotion = Promotion(
        title="Readers",
        description="Ten percent",
        priority=5,
        exclusive=True,
        coupon_code="read-10",
        max_redemptions=3,
        condition=PromotionCondition(categories=["Fantasy"], min_subtotal=Money(currency_code="EUR", units=20)),
        percentage=TENTH,
        max_discount=Money(currency_code="EUR", units=5, nanos=500_000_000),
    )
    made = create(staff, promotion)
    assert made.coupon_code == "READ-10"
    for field in ("title", "description", "priority", "exclusive", "max_redemptions", "condition", "percentage"):
        assert getattr(made, field) == getattr(promotion, field)
    assert made.max_discount == promotion.max_discount
    assert staff.GetPromotion(GetPromotionRequest(name=made.name)) == made


def test_a_repeat_answers_the_first_promotion(served: Served, staff: PromotionServiceStub) -> None:
    key = str(uuid4())
    promotion = Promotion(title="Ten percent", percentage=TENTH)
    assert create(staff, promotion, request_id=key) == create(staff, promotion, request_id=key)
    assert published(served) == ["PromotionCreated"]
    with refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED"):
        create(staff, Promotion(title="Another", percentage=TENTH), request_id=key)


@pytest.mark.parametrize("user", [None, "users/customer"])
def test_only_staff_change_promotions(served: Served, user: str | None) -> None:
    stub = served.stub(PromotionServiceStub, user=user)
    code, reason = (Code.PERMISSION_DENIED, "ROLE_REQUIRED") if user else (Code.UNAUTHENTICATED, "TOKEN_REQUIRED")
    promotion = Promotion(name="promotions/x", title="x", percentage=TENTH)
    calls: tuple[Callable[[], object], ...] = (
        lambda: create(stub, promotion),
        lambda: stub.UpdatePromotion(UpdatePromotionRequest(promotion=promotion)),
        lambda: stub.DeletePromotion(DeletePromotionRequest(name="promotions/x")),
    )
    for call in calls:
        with refused(code, reason):
            call()
    with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
        stub.ListPromotions(ListPromotionsRequest(show_all=True))
    assert published(served) == []


def test_what_is_not_public_is_for_staff(
    served: Served, clock: FakeClock, staff: PromotionServiceStub, anyone: PromotionServiceStub
) -> None:
    day = timedelta(days=1)
    public = create(staff, Promotion(title="now", percentage=TENTH, max_redemptions=4), "now")
    create(staff, Promotion(title="soon", percentage=TENTH, start_time=timestamp(clock.now() + day)), "soon")
    create(staff, Promotion(title="brief", percentage=TENTH, end_time=timestamp(clock.now() + day)), "brief")
    create(staff, Promotion(title="coupon", percentage=TENTH, coupon_code="SECRET"), "coupon")
    assert [p.title for p in anyone.ListPromotions(ListPromotionsRequest()).promotions] == ["brief", "now"]
    clock.advance(day)
    shown = anyone.ListPromotions(ListPromotionsRequest()).promotions
    assert [p.title for p in shown] == ["now", "soon"]
    assert not shown[0].HasField("max_redemptions")
    everything = staff.ListPromotions(ListPromotionsRequest(show_all=True)).promotions
    states = {p.title: Promotion.State.Name(p.state) for p in everything}
    assert states == {
        "brief": "STATE_ENDED",
        "coupon": "STATE_ACTIVE",
        "now": "STATE_ACTIVE",
        "soon": "STATE_ACTIVE",
    }
    assert public.max_redemptions == 4
    for hidden in ("brief", "coupon"):
        assert staff.GetPromotion(GetPromotionRequest(name=f"promotions/{hidden}")).title == hidden
        with refused(Code.NOT_FOUND, "PROMOTION_NOT_FOUND") as refusal:
            anyone.GetPromotion(GetPromotionRequest(name=f"promotions/{hidden}"))
        assert refusal.metadata == {"promotion": f"promotions/{hidden}"}
        assert refusal.domain == "promotions.bookstore"


def test_pages_go_by_falling_priority(staff: PromotionServiceStub, anyone: PromotionServiceStub) -> None:
    for number in range(7):
        create(staff, Promotion(title=f"{number}", priority=number % 3, percentage=TENTH), f"p{number}")
    titles, token = [], ""
    while True:
        page = anyone.ListPromotions(ListPromotionsRequest(page_size=2, page_token=token))
        titles += [promotion.title for promotion in page.promotions]
        token = page.next_page_token
        if not token:
            break
    assert titles == ["2", "5", "1", "4", "0", "3", "6"]
    with refused(Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"):
        anyone.ListPromotions(ListPromotionsRequest(page_token="rubbish"))


def test_updates_change_what_the_mask_names(served: Served, staff: PromotionServiceStub) -> None:
    made = create(staff, Promotion(title="Ten", priority=3, coupon_code="TEN", percentage=TENTH), "ten")

    def update(mask: list[str], **fields: object) -> Promotion:
        promotion = Promotion(name=made.name, **fields)  # type: ignore[arg-type]  # fields by name
        return staff.UpdatePromotion(UpdatePromotionRequest(promotion=promotion, update_mask=FieldMask(paths=mask)))

    changed = update([], title="Twenty", percentage=Percentage(percent_off=20), etag=made.etag)
    assert (changed.title, changed.percentage.percent_off, changed.priority) == ("Twenty", 20, 3)
    assert changed.etag != made.etag
    cleared = update(["priority", "coupon_code"], title="ignored")
    assert (cleared.title, cleared.priority, cleared.coupon_code) == ("Twenty", 0, "")
    grouped = update(["buy_x_get_y"], buy_x_get_y=THREE_FOR_TWO)
    assert grouped.WhichOneof("benefit") == "buy_x_get_y"
    assert update([], title="Twenty") == grouped
    assert published(served) == ["PromotionCreated", *["PromotionUpdated"] * 3]
    with refused(Code.ABORTED, "ETAG_MISMATCH"):
        update([], title="Late", etag=made.etag)
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        update(["colour"], title="x")
    assert refusal.fields == ["update_mask"]
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        update(["percentage"])
    assert refusal.fields == ["promotion.benefit"]
    with refused(Code.NOT_FOUND, "PROMOTION_NOT_FOUND"):
        staff.UpdatePromotion(UpdatePromotionRequest(promotion=Promotion(name="promotions/none", title="x")))


def test_ids_and_coupons_are_unique_while_they_live(staff: PromotionServiceStub) -> None:
    create(staff, Promotion(title="Ten", coupon_code="TEN", percentage=TENTH), "ten")
    with refused(Code.ALREADY_EXISTS, "PROMOTION_EXISTS") as refusal:
        create(staff, Promotion(title="Ten", percentage=TENTH), "ten")
    assert refusal.fields == ["promotion_id"]
    with refused(Code.ALREADY_EXISTS, "COUPON_TAKEN") as refusal:
        create(staff, Promotion(title="Ten", coupon_code="ten", percentage=TENTH), "other")
    assert refusal.fields == ["promotion.coupon_code"]
    create(staff, Promotion(title="Other", coupon_code="OTHER", percentage=TENTH), "other")
    with refused(Code.ALREADY_EXISTS, "COUPON_TAKEN"):
        staff.UpdatePromotion(UpdatePromotionRequest(promotion=Promotion(name="promotions/other", coupon_code="Ten")))
    staff.DeletePromotion(DeletePromotionRequest(name="promotions/ten"))
    assert create(staff, Promotion(title="Ten", coupon_code="TEN", percentage=TENTH), "ten-again").coupon_code == "TEN"


def test_a_deleted_promotion_is_gone_and_deleting_again_changes_nothing(
    served: Served, staff: PromotionServiceStub
) -> None:
    made = create(staff, Promotion(title="Ten", percentage=TENTH), "ten")
    with refused(Code.ABORTED, "ETAG_MISMATCH"):
        staff.DeletePromotion(DeletePromotionRequest(name=made.name, etag='"9"'))
    for _ in range(2):
        staff.DeletePromotion(DeletePromotionRequest(name=made.name))
    assert published(served) == ["PromotionCreated", "PromotionDeleted"]
    assert not staff.ListPromotions(ListPromotionsRequest(show_all=True)).promotions
    with refused(Code.NOT_FOUND, "PROMOTION_NOT_FOUND"):
        staff.GetPromotion(GetPromotionRequest(name=made.name))
    with refused(Code.NOT_FOUND, "PROMOTION_NOT_FOUND"):
        staff.DeletePromotion(DeletePromotionRequest(name="promotions/none"))


def test_bad_terms_are_refused_with_the_field(served: Served, clock: FakeClock, staff: PromotionServiceStub) -> None:
    now = timestamp(clock.now())
    euro = Money(currency_code="EUR", nanos=1)
    odd = Money(currency_code="XXX", units=1)
    for promotion, reason, field in (
        (Promotion(percentage=TENTH), "FIELD_INVALID", "promotion.title"),
        (Promotion(title="x"), "FIELD_INVALID", "promotion.benefit"),
        (Promotion(title="x", percentage=Percentage(percent_off=101)), "FIELD_INVALID",
         "promotion.percentage.percent_off"),
        (Promotion(title="x", percentage=TENTH, start_time=now, end_time=now), "PERIOD_INVALID",
         "promotion.end_time"),
        (Promotion(title="x", percentage=TENTH, max_discount=euro), "AMOUNT_INVALID", "promotion.max_discount.nanos"),
        (Promotion(title="x", percentage=TENTH, condition=PromotionCondition(min_subtotal=odd)), "AMOUNT_INVALID",
         "promotion.condition.min_subtotal.currency_code"),
    ):  # fmt: skip
        with refused(Code.INVALID_ARGUMENT, reason) as refusal:
            create(staff, promotion)
        assert refusal.fields == [field]
    assert published(served) == []


# --- pricing baskets -------------------------------------------------------------------------------------------------


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


def test_without_the_catalog_nothing_can_be_priced(anyone: PromotionServiceStub, catalog: FakeCatalog) -> None:
    catalog.down = True
    try:
        with refused(Code.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"):
            priced(anyone, emma=1)
    finally:
        catalog.down = False
