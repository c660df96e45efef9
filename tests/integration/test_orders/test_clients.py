"""What orders says to other services, and what it makes of their answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import uuid4

import grpc
import pytest
from bookstore.carts.v1 import carts_errors
from bookstore.carts.v1.cart_pb2 import Cart, CartItem
from bookstore.carts.v1.carts_service_pb2_grpc import CartServiceServicer, add_CartServiceServicer_to_server
from bookstore.inventory.v1 import inventory_errors
from bookstore.inventory.v1.inventory_service_pb2_grpc import (
    InventoryServiceServicer,
    add_InventoryServiceServicer_to_server,
)
from bookstore.inventory.v1.reservation_pb2 import Reservation
from bookstore.orders.v1.orders_errors import CartNotFound
from bookstore.payments.v1 import payments_errors
from bookstore.payments.v1.payment_pb2 import Payment
from bookstore.payments.v1.payments_service_pb2_grpc import PaymentServiceServicer, add_PaymentServiceServicer_to_server
from bookstore.promotions.v1 import promotions_errors
from bookstore.promotions.v1.coupon_redemption_pb2 import CouponRedemption
from bookstore.promotions.v1.promotions_service_pb2_grpc import (
    PromotionServiceServicer,
    add_PromotionServiceServicer_to_server,
)
from bookstore.promotions.v1.quote_pb2 import CouponOutcome, PromotionOutcome, Quote, QuoteLine, UnitDiscount
from google.protobuf.message import Message

from chassis.call import Call, caller, serving
from chassis.channel import open_channel
from chassis.kernel import Caller, Money, ServiceError
from chassis.service import Runtime, Service, Servicer
from chassis.testing import TEST_TOKENS, running
from chassis.v1.platform_errors import DeadlinePassed, DependencyUnavailable, Overloaded, Unexpected
from services.orders.order import Order
from services.orders.ports import Basket, RemoteServices, StepRefused, StepUnfinished
from services.orders.remotes import connect
from tests.money import euros
from tests.unit.test_orders_domain import a_line, an_order

ORDER: Order = an_order(a_line(quantity=2, discount=0))
KEY = str(uuid4())
QUOTE = Quote(
    lines=[
        QuoteLine(
            book="books/x",
            title="X",
            digital=True,
            quantity=2,
            unit_price=euros(500),
            unit_discounts=[UnitDiscount(quantity=2, discount=euros(50))],
        )
    ],
    promotions=[
        PromotionOutcome(promotion="promotions/a", applied=True),
        PromotionOutcome(promotion="promotions/b", applied=False),
    ],
    coupons=[
        CouponOutcome(coupon="A", state=CouponOutcome.STATE_ACCEPTED, promotion="promotions/a"),
        CouponOutcome(coupon="B", state=CouponOutcome.STATE_ACCEPTED, promotion="promotions/b"),
        CouponOutcome(coupon="C", state=CouponOutcome.STATE_UNKNOWN),
    ],
    shipping_total=euros(390),
    tax_total=euros(0),
    total=euros(1290),
    missing_books=["books/gone"],
)
SERVICES: dict[str, tuple[type, Callable[[Any, Any], None]]] = {
    "carts": (CartServiceServicer, add_CartServiceServicer_to_server),
    "inventory": (InventoryServiceServicer, add_InventoryServiceServicer_to_server),
    "payments": (PaymentServiceServicer, add_PaymentServiceServicer_to_server),
    "promotions": (PromotionServiceServicer, add_PromotionServiceServicer_to_server),
}


class Others:
    """The other services: `answer` is what the next call gets, `request` what it was asked."""

    def __init__(self) -> None:
        self.answer: Message | ServiceError = Cart()
        self.request: Any = None
        self.remotes: RemoteServices
        self.user = ""

    def build(self, name: str) -> Callable[[Runtime], Service]:
        """A service whose every method gives the answer."""
        base, register = SERVICES[name]

        def handle(_: object, request: Message, __: grpc.ServicerContext) -> Message:
            self.request, self.user = request, caller().user or ""
            if isinstance(self.answer, ServiceError):
                raise self.answer
            return self.answer

        fake = type(f"Fake{name}", (base,), {method: handle for method in vars(base) if method[0].isupper()})
        return lambda runtime: Service(name=name, servicers=(Servicer(register, fake()),))


@pytest.fixture(scope="module")
def running_others(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Others]:
    others = Others()
    with ExitStack() as stack:
        channels: dict[str, grpc.Channel] = {}
        for name in SERVICES:
            folder = tmp_path_factory.mktemp(name)
            served = stack.enter_context(running(name, others.build(name), folder=folder, migrations=False))
            channels[name] = open_channel(name, caller="orders", addresses=[served.address], credentials=None)
            stack.callback(channels[name].close)
        others.remotes = connect(channels.__getitem__)
        yield others


@pytest.fixture
def others(running_others: Others) -> Others:
    running_others.user = ""
    return running_others


def test_the_cart_is_read_for_the_caller(others: Others) -> None:
    others.answer = Cart(name="carts/ada", items=[CartItem(book="books/x", quantity=2)], coupons=["SAVE10"])
    with serving(Call(caller=Caller(user="users/ada"), authorization=TEST_TOKENS.authorization("users/ada"))):
        basket = others.remotes.carts.basket("carts/me")
    assert basket == Basket(cart="carts/ada", books=(("books/x", 2),), coupons=("SAVE10",))
    assert (others.user, others.request.name) == ("users/ada", "carts/me")


def test_a_cart_that_comes_with_its_price_need_not_be_priced_again(others: Others) -> None:
    others.answer = Cart(name="carts/ada", items=[CartItem(book="books/x", quantity=2)], quote=QUOTE)
    basket = others.remotes.carts.basket("carts/ada")
    others.answer = QUOTE
    assert basket.priced == others.remotes.prices.price(basket)


def test_a_cart_of_somebody_else_is_not_found(others: Others) -> None:
    others.answer = carts_errors.CartNotFound(cart="carts/x")
    with pytest.raises(CartNotFound) as refused:
        others.remotes.carts.basket("carts/x")
    assert refused.value.metadata == {"cart": "carts/x"}


@pytest.mark.parametrize(
    "error", [Unexpected(incident="1"), Overloaded(limit=1, detail="busy"), DeadlinePassed(detail="late")]
)
def test_no_answer_means_try_again(others: Others, error: ServiceError) -> None:
    others.answer = error
    with pytest.raises(DependencyUnavailable):
        others.remotes.carts.basket("carts/x")
    with pytest.raises(DependencyUnavailable):
        others.remotes.prices.price(Basket(cart="carts/x", books=(("books/x", 1),), coupons=()))


def test_only_coupons_whose_promotion_applied_are_redeemed(others: Others) -> None:
    quote = Quote()
    quote.CopyFrom(QUOTE)
    others.answer = quote
    basket = Basket(cart="carts/x", books=(("books/x", 2), ("books/gone", 1)), coupons=("ABC", "BCD"))
    priced = others.remotes.prices.price(basket)
    assert (priced.coupons, priced.missing_books) == (("A",), ("books/gone",))
    assert priced.total == Money(minor=1290, currency="EUR")
    assert Quote.FromString(priced.quote) == quote
    assert others.request.allow_missing
    assert [(line.book, line.quantity) for line in others.request.lines] == list(basket.books)
    quote.total.CopyFrom(euros(1291))
    with pytest.raises(ValueError, match="add up"):
        others.remotes.prices.price(basket)


@pytest.mark.parametrize(
    ("error", "reject_reason"),
    [
        (inventory_errors.OutOfStock(book="books/dune", asked=2, available=1), "OUT_OF_STOCK"),
        (inventory_errors.ReservationReleased(reservation="reservations/1"), "CHECKOUT_TIMEOUT"),
    ],
)
def test_stock_that_is_refused(others: Others, error: ServiceError, reject_reason: str) -> None:
    others.answer = error
    with pytest.raises(StepRefused) as refused:
        others.remotes.stock.reserve(ORDER)
    assert refused.value.reason == reject_reason


def test_stock_that_is_reserved_committed_and_released(others: Others) -> None:
    stock = others.remotes.stock
    others.answer = Reservation(state=Reservation.STATE_ACTIVE)
    stock.reserve(ORDER)
    assert others.request.order == ORDER.name
    assert [(line.book, line.quantity) for line in others.request.lines] == [("books/dune", 2)]
    stock.commit(ORDER)
    assert others.request.name == "reservations/1"
    stock.release(ORDER, [ORDER.lines[0].copies], key=KEY)
    assert (others.request.request_id, others.request.lines[0].quantity) == (KEY, 2)
    others.answer = Reservation(state=Reservation.STATE_EXPIRED)
    with pytest.raises(StepRefused):
        stock.reserve(ORDER)
    others.answer = inventory_errors.ReservationExpired(reservation="reservations/1")
    with pytest.raises(inventory_errors.ReservationExpired):
        stock.commit(ORDER)


def test_coupons(others: Others) -> None:
    coupons = others.remotes.coupons
    others.answer = CouponRedemption(state=CouponRedemption.STATE_REDEEMED)
    coupons.redeem(ORDER, "SAVE10")
    assert (others.request.order, others.request.coupon, others.request.user) == (ORDER.name, "SAVE10", ORDER.user)
    others.answer = CouponRedemption(state=CouponRedemption.STATE_RELEASED)
    coupons.release(ORDER, "SAVE10")
    with pytest.raises(StepRefused):
        coupons.redeem(ORDER, "SAVE10")
    for error in (
        promotions_errors.CouponUnavailable(coupon="SAVE10", detail="it is not active"),
        promotions_errors.CouponNotFound(coupon="SAVE10"),
    ):
        others.answer = error
        with pytest.raises(StepRefused) as refused:
            coupons.redeem(ORDER, "SAVE10")
        assert refused.value.reason == "COUPON_UNAVAILABLE"
    coupons.release(ORDER, "SAVE10")  # it is gone, and with it its use
    others.answer = Overloaded(limit=1, detail="busy")
    with pytest.raises(Overloaded):
        coupons.release(ORDER, "SAVE10")


@pytest.mark.parametrize(
    ("payment", "reason"),
    [
        (Payment(state=Payment.STATE_DECLINED, decline_reason="INSUFFICIENT_FUNDS"), "INSUFFICIENT_FUNDS"),
        (Payment(state=Payment.STATE_DECLINED, decline_reason="SOMETHING_NEW"), "PAYMENT_DECLINED"),
        (payments_errors.PaymentVoided(payment="payments/1"), "CHECKOUT_TIMEOUT"),
    ],
)
def test_a_payment_that_is_refused(others: Others, payment: Message | ServiceError, reason: str) -> None:
    others.answer = payment
    with pytest.raises(StepRefused) as refused:
        others.remotes.payments.authorize(ORDER)
    assert refused.value.reason == reason


def test_a_payment_that_goes_through(others: Others) -> None:
    payments = others.remotes.payments
    others.answer = Payment(state=Payment.STATE_AUTHORIZED)
    payments.authorize(ORDER)
    assert (others.request.order, others.request.user, others.request.amount) == (ORDER.name, ORDER.user, euros(1998))
    with pytest.raises(StepUnfinished):
        payments.capture(ORDER)
    with pytest.raises(StepUnfinished):
        payments.void(ORDER)
    others.answer = Payment(state=Payment.STATE_PENDING)
    with pytest.raises(StepUnfinished):
        payments.authorize(ORDER)
    others.answer = Payment(state=Payment.STATE_PARTIALLY_REFUNDED)
    payments.capture(ORDER)
    payments.refund(ORDER, Money(minor=5, currency="EUR"), key=KEY)
    assert (others.request.name, others.request.amount, others.request.request_id) == ("payments/1", euros(5), KEY)


def test_a_hold_is_given_up_unless_the_buyer_is_charged(others: Others) -> None:
    payments = others.remotes.payments
    others.answer = Payment(state=Payment.STATE_VOIDED)
    assert payments.void(ORDER)
    others.answer = payments_errors.PaymentStateInvalid(payment="payments/1", state="CAPTURED", step="void")
    assert not payments.void(ORDER)
    others.answer = Overloaded(limit=1, detail="busy")
    with pytest.raises(Overloaded):
        payments.void(ORDER)
