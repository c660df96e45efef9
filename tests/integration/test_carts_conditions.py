"""Carts when much happens at once, when prices cannot be had, and when orders are confirmed."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import cast

import grpc
import pytest
from bookstore.carts.v1.cart_pb2 import Cart
from bookstore.carts.v1.carts_requests_pb2 import (
    AddItemRequest,
    ApplyCouponRequest,
    CreateCartRequest,
    GetCartRequest,
    MergeCartRequest,
    RemoveItemRequest,
)
from bookstore.carts.v1.carts_service_pb2_grpc import CartServiceStub
from bookstore.orders.v1.orders_events_pb2 import OrderConfirmed, OrderedCopies
from bookstore.promotions.v1.promotions_service_pb2 import PriceBasketRequest
from bookstore.promotions.v1.promotions_service_pb2_grpc import (
    PromotionServiceServicer,
    add_PromotionServiceServicer_to_server,
)
from bookstore.promotions.v1.quote_pb2 import CouponOutcome, Quote, QuoteLine
from google.type.money_pb2 import Money

from chassis.inbox import Consumer
from chassis.kernel import SystemIds
from chassis.outbox import Outbox, Relay
from chassis.service import Runtime, Service, Servicer
from chassis.testing import FakeClock, Served, refused, running
from chassis.testing_broker import FakeBroker
from chassis.v1.platform_errors import StorageUnavailable
from services.carts.app import build
from tests.integration.fake_catalog import FakeCatalog, book

Code = grpc.StatusCode


class FakePromotions(PromotionServiceServicer):
    """Prices every copy at one euro, and fails when it is down."""

    def __init__(self) -> None:
        self.down = False
        self.calls = 0
        self._lock = threading.Lock()

    def PriceBasket(self, request: PriceBasketRequest, context: grpc.ServicerContext) -> Quote:
        """See the contract."""
        with self._lock:
            self.calls += 1
        if self.down:
            raise StorageUnavailable
        euro = Money(currency_code="EUR", units=1)
        lines = [
            QuoteLine(book=line.book, title=line.book, quantity=line.quantity, unit_price=euro)
            for line in request.lines
        ]
        coupons = [CouponOutcome(coupon=code, state=CouponOutcome.STATE_ACCEPTED) for code in request.coupons]
        return Quote(lines=lines, coupons=coupons)

    def build(self, runtime: Runtime) -> Service:
        """A service of these promotions."""
        return Service(name="promotions", servicers=(Servicer(add_PromotionServiceServicer_to_server, self),))


@pytest.fixture
def promotions() -> FakePromotions:
    return FakePromotions()  # type: ignore[abstract]  # answers what carts ask, no more


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker()


@pytest.fixture
def served(promotions: FakePromotions, broker: FakeBroker, tmp_path: Path) -> Iterator[Served]:
    catalog = FakeCatalog(book("emma", 1000), book("dune", 900), book("dollar", 700, currency="USD"))  # type: ignore[abstract]
    with (
        running("catalog", catalog.build, folder=tmp_path / "catalog", migrations=False) as books,
        running("promotions", promotions.build, folder=tmp_path / "promotions", migrations=False) as prices,
        running(
            "carts",
            build,
            folder=tmp_path / "carts",
            targets={"catalog": books.address, "promotions": prices.address},
            broker=broker,
        ) as carts,
    ):
        yield carts


@pytest.fixture
def ada(served: Served) -> CartServiceStub:
    return served.stub(CartServiceStub, user="users/ada")


def add(stub: CartServiceStub, name: str, cart: str = "carts/me", quantity: int = 1) -> Cart:
    return stub.AddItem(AddItemRequest(cart=cart, book=f"books/{name}", quantity=quantity))


def contents(stub: CartServiceStub, cart: str = "carts/me") -> dict[str, int]:
    items = stub.GetCart(GetCartRequest(name=cart)).items
    return {item.book.removeprefix("books/"): item.quantity for item in items}


def test_each_call_asks_promotions_once(ada: CartServiceStub, promotions: FakePromotions) -> None:
    add(ada, "emma")
    contents(ada)
    assert promotions.calls == 2


def test_adding_at_once_loses_nothing(ada: CartServiceStub) -> None:
    names = [f"b{number}" for number in range(12)] * 3
    with ThreadPoolExecutor(max_workers=12) as pool:
        list(pool.map(lambda name: add(ada, name), names))
    assert contents(ada) == {f"b{number}": 3 for number in range(12)}


def test_merging_while_the_guest_still_adds_loses_nothing(served: Served, ada: CartServiceStub) -> None:
    guest = served.stub(CartServiceStub)
    name = guest.CreateCart(CreateCartRequest()).name

    def added(number: int) -> bool:
        try:
            add(guest, f"b{number}", name)
        except grpc.RpcError as error:
            refusals.append(cast(grpc.Call, error).code())
            return False
        return True

    refusals: list[grpc.StatusCode] = []
    with ThreadPoolExecutor(max_workers=6) as pool:
        adding = [pool.submit(added, number) for number in range(12)]
        ada.MergeCart(MergeCartRequest(cart="carts/me", source=name))
        count = sum(future.result() for future in adding)
    assert sum(contents(ada).values()) == count
    assert set(refusals) <= {Code.NOT_FOUND}


def test_without_prices_the_cart_still_works(ada: CartServiceStub, promotions: FakePromotions) -> None:
    add(ada, "emma")
    promotions.down = True
    cart = add(ada, "dune")
    assert not cart.HasField("quote")
    assert [(item.title, item.HasField("unit_price")) for item in cart.items] == [
        ("books/emma", False),
        ("Dune", False),
    ]
    assert contents(ada) == {"emma": 1, "dune": 1}
    with refused(Code.NOT_FOUND, "BOOK_NOT_FOUND"):
        add(ada, "nobody")
    with refused(Code.FAILED_PRECONDITION, "CURRENCY_MISMATCH"):
        add(ada, "dollar")
    with refused(Code.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"):
        ada.ApplyCoupon(ApplyCouponRequest(cart="carts/me", coupon="READ10"))
    ada.RemoveItem(RemoveItemRequest(cart="carts/me", book="books/dune"))
    assert contents(ada) == {"emma": 1}


def confirm(served: Served, broker: FakeBroker, event: OrderConfirmed) -> None:
    """Publishes the event as orders would, and lets carts take it."""
    database, clock = served.runtime.database, FakeClock()
    outbox = Outbox(clock=clock, ids=SystemIds(), source="//bookstore/orders")
    database.transact(lambda tx: outbox.append(tx, event, aggregate=event.order, version=event.version))
    Relay(database, broker, clock=clock, holder="test").run()
    Consumer(database, broker, clock=clock, name="carts", subscriptions=served.service.subscriptions).run(
        wait=timedelta(seconds=1)
    )


def ordered(cart: str, **copies: int) -> OrderConfirmed:
    lines = [OrderedCopies(book=f"books/{name}", quantity=quantity) for name, quantity in copies.items()]
    return OrderConfirmed(order="orders/1", user="users/ada", cart=cart, lines=lines, coupons=["READ10"], version=2)


def test_ordered_copies_leave_the_cart(served: Served, ada: CartServiceStub, broker: FakeBroker) -> None:
    add(ada, "emma", quantity=3)
    add(ada, "dune")
    ada.ApplyCoupon(ApplyCouponRequest(cart="carts/me", coupon="read10"))
    ada.ApplyCoupon(ApplyCouponRequest(cart="carts/me", coupon="other"))
    confirm(served, broker, ordered("carts/ada", emma=2, dune=1))
    cart = ada.GetCart(GetCartRequest(name="carts/me"))
    assert {item.book: item.quantity for item in cart.items} == {"books/emma": 1}
    assert list(cart.coupons) == ["OTHER"]


def test_an_order_of_a_cart_merged_meanwhile_leaves_the_own_cart(
    served: Served, ada: CartServiceStub, broker: FakeBroker
) -> None:
    guest = served.stub(CartServiceStub)
    name = guest.CreateCart(CreateCartRequest()).name
    add(guest, "emma", name)
    add(guest, "dune", name)
    ada.MergeCart(MergeCartRequest(cart="carts/me", source=name))
    confirm(served, broker, ordered(name, emma=1))
    assert contents(ada) == {"dune": 1}


def test_an_order_of_a_cart_that_is_gone_is_ignored(served: Served, ada: CartServiceStub, broker: FakeBroker) -> None:
    add(ada, "emma")
    confirm(served, broker, ordered("carts/gone", emma=1))
    assert contents(ada) == {"emma": 1}
