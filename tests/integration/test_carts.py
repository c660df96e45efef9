"""Carts through their front door, priced by the real promotions service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from bookstore.carts.v1.cart_pb2 import Cart
from bookstore.carts.v1.carts_requests_pb2 import (
    AddItemRequest,
    ApplyCouponRequest,
    ClearCartRequest,
    CreateCartRequest,
    GetCartRequest,
    MergeCartRequest,
    RemoveCouponRequest,
    RemoveItemRequest,
    UpdateItemRequest,
)
from bookstore.carts.v1.carts_service_pb2_grpc import CartServiceStub
from bookstore.promotions.v1.promotion_pb2 import BuyXGetY, Percentage, Promotion
from bookstore.promotions.v1.promotions_service_pb2 import CreatePromotionRequest
from bookstore.promotions.v1.promotions_service_pb2_grpc import PromotionServiceStub

from chassis.migrations import drift
from chassis.testing import FakeClock, Served, refused, running
from chassis.wire import timestamp
from services.carts.app import build
from services.carts.store import CARTS, metadata
from services.promotions.app import build as build_promotions
from tests.integration.fake_catalog import FakeCatalog, book
from tests.money import cents

Code = grpc.StatusCode


@pytest.fixture(scope="module")
def prices_clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(scope="module")
def catalog() -> FakeCatalog:
    return FakeCatalog(  # type: ignore[abstract]  # answers what is asked here, no more
        book("emma", 1000), book("dune", 900), book("ulysses", 800), book("dollar", 700, currency="USD")
    )


@pytest.fixture(scope="module")
def targets(
    catalog: FakeCatalog, prices_clock: FakeClock, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, str]]:
    """The catalog and promotions, with three for two and the coupons READ10, SOON and GONE."""
    folder = tmp_path_factory.mktemp("carts")
    with (
        running("catalog", catalog.build, folder=folder / "catalog", migrations=False) as books,
        running(
            "promotions",
            build_promotions,
            folder=folder / "promotions",
            targets={"catalog": books.address},
            clock=prices_clock,
        ) as promotions,
    ):
        now, day = prices_clock.now(), timedelta(days=1)
        staff = promotions.stub(PromotionServiceStub, user="users/staff", roles=("staff",))
        for promotion in (
            Promotion(title="Three for two", buy_x_get_y=BuyXGetY(buy_quantity=2, free_quantity=1), priority=9),
            Promotion(title="Readers", coupon_code="READ10", percentage=Percentage(percent_off=10)),
            Promotion(
                title="Soon",
                coupon_code="SOON",
                percentage=Percentage(percent_off=10),
                start_time=timestamp(now + day),
            ),
            Promotion(
                title="Gone",
                coupon_code="GONE",
                percentage=Percentage(percent_off=10),
                start_time=timestamp(now - day),
                end_time=timestamp(now),
            ),
        ):
            staff.CreatePromotion(CreatePromotionRequest(promotion=promotion))
        yield {"catalog": books.address, "promotions": promotions.address}


@pytest.fixture
def served(targets: dict[str, str], clock: FakeClock, tmp_path: Path) -> Iterator[Served]:
    with running("carts", build, folder=tmp_path, targets=targets, clock=clock) as carts:
        yield carts


@pytest.fixture
def guest(served: Served) -> CartServiceStub:
    return served.stub(CartServiceStub)


@pytest.fixture
def ada(served: Served) -> CartServiceStub:
    return served.stub(CartServiceStub, user="users/ada")


def add(
    stub: CartServiceStub, cart: str, name: str, quantity: int = 1, *, request_id: str = "", etag: str = ""
) -> Cart:
    return stub.AddItem(
        AddItemRequest(cart=cart, book=f"books/{name}", quantity=quantity, request_id=request_id, etag=etag)
    )


def get(stub: CartServiceStub, cart: str = "carts/me") -> Cart:
    return stub.GetCart(GetCartRequest(name=cart))


def new_cart(stub: CartServiceStub) -> str:
    return stub.CreateCart(CreateCartRequest()).name


def contents(cart: Cart) -> dict[str, int]:
    return {item.book.removeprefix("books/"): item.quantity for item in cart.items}


def test_the_schema_is_what_the_migrations_make(tmp_path: Path) -> None:
    assert drift("carts", metadata, f"sqlite:///{tmp_path / 'empty.sqlite3'}") == []


def test_a_guest_fills_a_cart_and_sees_the_cheapest_free(guest: CartServiceStub) -> None:
    cart = guest.CreateCart(CreateCartRequest())
    assert len(cart.name.removeprefix("carts/")) >= 43
    assert cents(cart.quote.total) == 0
    for name in ("emma", "dune"):
        add(guest, cart.name, name)
    filled = add(guest, cart.name, "ulysses")
    assert contents(filled) == {"emma": 1, "dune": 1, "ulysses": 1}
    assert [(item.title, cents(item.unit_price)) for item in filled.items] == [
        ("Emma", 1000),
        ("Dune", 900),
        ("Ulysses", 800),
    ]
    assert (cents(filled.quote.discount_total), cents(filled.quote.total)) == (800, 1900)
    assert get(guest, cart.name) == filled
    assert len({cart.etag, filled.etag}) == 2
    assert filled.expire_time.ToDatetime() - filled.update_time.ToDatetime() == timedelta(days=30)


def test_an_own_cart_is_there_from_the_start(ada: CartServiceStub) -> None:
    untouched = get(ada)
    assert untouched.name == "carts/ada"
    assert not untouched.HasField("create_time")
    assert ada.CreateCart(CreateCartRequest()).name == "carts/ada"
    added = add(ada, "carts/me", "emma", 2)
    assert get(ada, "carts/ada") == added
    assert added.HasField("create_time")
    assert not added.HasField("expire_time")


def test_items_are_changed_and_removed(ada: CartServiceStub) -> None:
    add(ada, "carts/me", "emma", 2)
    add(ada, "carts/me", "emma", 3)
    add(ada, "carts/me", "dune")
    changed = ada.UpdateItem(UpdateItemRequest(cart="carts/me", book="books/emma", quantity=1))
    assert contents(changed) == {"emma": 1, "dune": 1}
    with refused(Code.NOT_FOUND, "ITEM_NOT_FOUND") as refusal:
        ada.UpdateItem(UpdateItemRequest(cart="carts/me", book="books/ulysses", quantity=1))
    assert refusal.metadata == {"book": "books/ulysses"}
    removed = ada.RemoveItem(RemoveItemRequest(cart="carts/me", book="books/emma"))
    assert contents(removed) == {"dune": 1}
    assert ada.RemoveItem(RemoveItemRequest(cart="carts/me", book="books/emma")) == removed
    ada.ApplyCoupon(ApplyCouponRequest(cart="carts/me", coupon="READ10"))
    cleared = ada.ClearCart(ClearCartRequest(cart="carts/me"))
    assert (len(cleared.items), len(cleared.coupons), cents(cleared.quote.total)) == (0, 0, 0)
    assert ada.ClearCart(ClearCartRequest(cart="carts/me")) == cleared


def test_a_repeat_adds_nothing(ada: CartServiceStub) -> None:
    key = str(uuid4())
    first = add(ada, "carts/me", "emma", request_id=key)
    assert add(ada, "carts/me", "emma", request_id=key) == first
    assert contents(get(ada)) == {"emma": 1}
    with refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED"):
        add(ada, "carts/me", "emma", 2, request_id=key)
    key = str(uuid4())
    assert ada.CreateCart(CreateCartRequest(request_id=key)) == ada.CreateCart(CreateCartRequest(request_id=key))


def test_guests_cannot_meet_under_a_key_that_can_be_guessed(guest: CartServiceStub, ada: CartServiceStub) -> None:
    guessable = "00000000-0000-0000-0000-000000000001"
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        guest.CreateCart(CreateCartRequest(request_id=guessable))
    assert refusal.fields == ["request_id"]
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        guest.CreateCart(CreateCartRequest(), metadata=(("idempotency-key", guessable),))
    assert refusal.fields == ["Idempotency-Key"]
    ada.CreateCart(CreateCartRequest(request_id=guessable))
    mine, others = (guest.CreateCart(CreateCartRequest(request_id=str(uuid4()))) for _ in range(2))
    assert mine.name != others.name


def test_an_old_etag_is_refused(ada: CartServiceStub) -> None:
    first = add(ada, "carts/me", "emma", etag=get(ada).etag)
    add(ada, "carts/me", "dune", etag=first.etag)
    with refused(Code.ABORTED, "ETAG_MISMATCH"):
        add(ada, "carts/me", "ulysses", etag=first.etag)
    with refused(Code.ABORTED, "ETAG_MISMATCH"):
        ada.ClearCart(ClearCartRequest(cart="carts/me", etag=first.etag))
    assert contents(get(ada)) == {"emma": 1, "dune": 1}


def test_limits_and_unknown_books(ada: CartServiceStub) -> None:
    add(ada, "carts/me", "emma", 99)
    with refused(Code.FAILED_PRECONDITION, "QUANTITY_LIMIT") as refusal:
        add(ada, "carts/me", "emma")
    assert refusal.metadata == {"book": "books/emma", "limit": "99"}
    with refused(Code.NOT_FOUND, "BOOK_NOT_FOUND") as refusal:
        add(ada, "carts/me", "nobody")
    assert refusal.metadata == {"book": "books/nobody"}
    with refused(Code.FAILED_PRECONDITION, "CURRENCY_MISMATCH") as refusal:
        add(ada, "carts/me", "dollar")
    assert refusal.metadata == {"book": "books/dollar", "currency": "USD", "other": "EUR"}
    assert refusal.domain == "carts.bookstore"
    assert contents(get(ada)) == {"emma": 99}


def test_a_cart_is_full_at_100_books(ada: CartServiceStub, served: Served, catalog: FakeCatalog) -> None:
    catalog.put(*(book(f"b{number}", 100) for number in range(100)))
    lines = [[f"books/b{number}", 1, f"B{number}", "EUR"] for number in range(100)]
    add(ada, "carts/me", "b0")
    served.runtime.database.transact(lambda tx: tx.execute(CARTS.update().values(lines=lines)).rowcount)
    with refused(Code.FAILED_PRECONDITION, "CART_FULL") as refusal:
        add(ada, "carts/me", "emma")
    assert refusal.metadata == {"limit": "100"}
    assert contents(add(ada, "carts/me", "b99"))["b99"] == 2


def test_prices_are_those_of_now_and_lost_books_are_named(ada: CartServiceStub, catalog: FakeCatalog) -> None:
    catalog.put(book("fleeting", 500))
    before = add(ada, "carts/me", "fleeting")
    catalog.put(book("fleeting", 600))
    repriced = get(ada)
    assert cents(repriced.items[0].unit_price) == 600
    assert repriced.etag == before.etag
    catalog.remove("books/fleeting")
    (item,) = get(ada).items
    assert (item.title, item.missing, item.HasField("unit_price")) == ("Fleeting", True, False)
    with refused(Code.NOT_FOUND, "BOOK_NOT_FOUND"):
        add(ada, "carts/me", "fleeting")
    assert contents(ada.RemoveItem(RemoveItemRequest(cart="carts/me", book="books/fleeting"))) == {}


def test_coupons_must_be_good_when_they_are_entered(ada: CartServiceStub, prices_clock: FakeClock) -> None:
    add(ada, "carts/me", "emma")
    applied = ada.ApplyCoupon(ApplyCouponRequest(cart="carts/me", coupon="read10"))
    assert list(applied.coupons) == ["READ10"]
    assert cents(applied.quote.total) == 900
    assert ada.ApplyCoupon(ApplyCouponRequest(cart="carts/me", coupon="READ10")) == applied
    with refused(Code.NOT_FOUND, "COUPON_NOT_FOUND") as refusal:
        ada.ApplyCoupon(ApplyCouponRequest(cart="carts/me", coupon="none"))
    assert refusal.metadata == {"coupon": "NONE"}
    for code, state in (("SOON", "SCHEDULED"), ("GONE", "ENDED")):
        with refused(Code.FAILED_PRECONDITION, "COUPON_UNAVAILABLE") as refusal:
            ada.ApplyCoupon(ApplyCouponRequest(cart="carts/me", coupon=code))
        assert refusal.metadata == {"coupon": code, "state": state}
    removed = ada.RemoveCoupon(RemoveCouponRequest(cart="carts/me", coupon="Read10"))
    assert (len(removed.coupons), cents(removed.quote.total)) == (0, 1000)
    assert ada.RemoveCoupon(RemoveCouponRequest(cart="carts/me", coupon="READ10")) == removed


def every_call(stub: CartServiceStub, cart: str) -> tuple[Callable[[], object], ...]:
    return (
        lambda: stub.GetCart(GetCartRequest(name=cart)),
        lambda: add(stub, cart, "emma"),
        lambda: stub.UpdateItem(UpdateItemRequest(cart=cart, book="books/emma", quantity=2)),
        lambda: stub.RemoveItem(RemoveItemRequest(cart=cart, book="books/emma")),
        lambda: stub.ClearCart(ClearCartRequest(cart=cart)),
        lambda: stub.ApplyCoupon(ApplyCouponRequest(cart=cart, coupon="READ10")),
        lambda: stub.RemoveCoupon(RemoveCouponRequest(cart=cart, coupon="READ10")),
    )


@pytest.mark.parametrize(
    ("user", "roles"), [(None, ()), ("users/eve", ("customer",)), ("users/staff", ("staff", "admin"))]
)
def test_a_users_cart_is_open_to_that_user_only(
    served: Served, ada: CartServiceStub, user: str | None, roles: tuple[str, ...]
) -> None:
    add(ada, "carts/me", "emma")
    other = served.stub(CartServiceStub, user=user, roles=roles)
    for call in every_call(other, "carts/ada"):
        with refused(Code.NOT_FOUND, "CART_NOT_FOUND") as refusal:
            call()
        assert refusal.metadata == {"cart": "carts/ada"}
    assert contents(get(ada)) == {"emma": 1}


def test_a_guests_cart_is_open_to_who_knows_its_name(guest: CartServiceStub, ada: CartServiceStub) -> None:
    name = new_cart(guest)
    for call in (*every_call(guest, name), *every_call(ada, name)):
        call()
    with refused(Code.NOT_FOUND, "CART_NOT_FOUND"):
        get(guest, "carts/" + "x" * 43)


def test_me_needs_a_token(guest: CartServiceStub) -> None:
    for call in every_call(guest, "carts/me"):
        with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
            call()
    with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
        guest.MergeCart(MergeCartRequest(cart="carts/me", source=new_cart(guest)))


def test_a_guests_cart_is_merged_once_and_dead_afterwards(guest: CartServiceStub, ada: CartServiceStub) -> None:
    add(ada, "carts/me", "emma", 98)
    name = new_cart(guest)
    add(guest, name, "dune")
    add(guest, name, "emma", 3)
    guest.ApplyCoupon(ApplyCouponRequest(cart=name, coupon="READ10"))
    request = MergeCartRequest(cart="carts/me", source=name, request_id=str(uuid4()))
    merged = ada.MergeCart(request)
    assert contents(merged) == {"emma": 99, "dune": 1}
    assert list(merged.coupons) == ["READ10"]
    assert [(loss.book, loss.quantity) for loss in merged.merge_losses] == [("books/emma", 2)]
    assert ada.MergeCart(request) == merged
    again = ada.MergeCart(MergeCartRequest(cart="carts/ada", source=name))
    assert (contents(again), again.etag) == (contents(merged), merged.etag)
    for call in every_call(guest, name):
        with refused(Code.NOT_FOUND, "CART_NOT_FOUND"):
            call()


def test_what_cannot_be_merged(served: Served, guest: CartServiceStub, ada: CartServiceStub) -> None:
    eve = served.stub(CartServiceStub, user="users/eve")
    add(eve, "carts/me", "dune")
    name = new_cart(guest)
    for source in ("carts/me", "carts/ada"):
        with refused(Code.INVALID_ARGUMENT, "CART_NOT_MERGEABLE") as refusal:
            ada.MergeCart(MergeCartRequest(cart="carts/me", source=source))
        assert refusal.fields == ["source"]
    for target, source, lost in (
        ("carts/me", "carts/eve", "carts/eve"),
        ("carts/me", "carts/nothing", "carts/nothing"),
        ("carts/eve", name, "carts/eve"),
        (name, name, name),
    ):
        with refused(Code.NOT_FOUND, "CART_NOT_FOUND") as refusal:
            ada.MergeCart(MergeCartRequest(cart=target, source=source))
        assert refusal.metadata == {"cart": lost}
    ada.MergeCart(MergeCartRequest(cart="carts/me", source=name))
    with refused(Code.NOT_FOUND, "CART_NOT_FOUND"):
        eve.MergeCart(MergeCartRequest(cart="carts/me", source=name))
    dollars = new_cart(guest)
    add(guest, dollars, "dollar")
    add(ada, "carts/me", "emma")
    with refused(Code.FAILED_PRECONDITION, "CURRENCY_MISMATCH"):
        ada.MergeCart(MergeCartRequest(cart="carts/me", source=dollars))
    with refused(Code.ABORTED, "ETAG_MISMATCH"):
        ada.MergeCart(MergeCartRequest(cart="carts/me", source=new_cart(guest), etag='"77"'))
    assert contents(get(guest, dollars)) == {"dollar": 1}
    assert contents(get(ada)) == {"emma": 1}


def test_a_guests_cart_expires_unless_it_changes(served: Served, guest: CartServiceStub, clock: FakeClock) -> None:
    kept, forgotten = new_cart(guest), new_cart(guest)
    clock.advance(timedelta(days=29))
    add(guest, kept, "emma")
    clock.advance(timedelta(days=1))
    with refused(Code.NOT_FOUND, "CART_NOT_FOUND"):
        get(guest, forgotten)
    (sweep,) = served.service.workers
    sweep.run()
    left = served.runtime.database.read(lambda c: c.execute(CARTS.select()).all())
    assert [f"carts/{row.id}" for row in left] == [kept]
    assert contents(get(guest, kept)) == {"emma": 1}


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (AddItemRequest(cart="carts/me", book="books/emma", quantity=0), "quantity"),
        (AddItemRequest(cart="carts/me", book="books/emma", quantity=10_000), "quantity"),
        (AddItemRequest(cart="carts/me", book="emma", quantity=1), "book"),
        (AddItemRequest(cart="me", book="books/emma", quantity=1), "cart"),
        (AddItemRequest(cart="carts/me", book="books/emma", quantity=1, request_id="x"), "request_id"),
    ],
)
def test_bad_requests_are_refused_with_the_field(ada: CartServiceStub, request_: AddItemRequest, field: str) -> None:
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        ada.AddItem(request_)
    assert refusal.fields == [field]
