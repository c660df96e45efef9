"""The ports of orders over gRPC.

Refusals that decide about an order become StepRefused; every other error goes up as it is and means: not known, ask
again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

import grpc
from bookstore.carts.v1 import carts_errors
from bookstore.carts.v1.carts_requests_pb2 import GetCartRequest
from bookstore.carts.v1.carts_service_pb2_grpc import CartServiceStub
from bookstore.inventory.v1 import inventory_errors
from bookstore.inventory.v1 import inventory_service_pb2 as inventory
from bookstore.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from bookstore.inventory.v1.reservation_pb2 import Reservation, ReservationLine
from bookstore.orders.v1.orders_errors import CartNotFound
from bookstore.payments.v1 import payments_errors
from bookstore.payments.v1 import payments_service_pb2 as payments
from bookstore.payments.v1.payment_pb2 import Payment
from bookstore.payments.v1.payments_service_pb2_grpc import PaymentServiceStub
from bookstore.promotions.v1 import promotions_errors
from bookstore.promotions.v1.coupon_redemption_pb2 import (
    CouponRedemption,
    RedeemCouponRequest,
    ReleaseCouponRequest,
)
from bookstore.promotions.v1.promotions_service_pb2 import BasketLine, PriceBasketRequest
from bookstore.promotions.v1.promotions_service_pb2_grpc import PromotionServiceStub
from bookstore.promotions.v1.quote_pb2 import CouponOutcome, Quote, QuoteLine

from chassis.kernel import ErrorKind, Money, ServiceError
from chassis.v1.platform_errors import DependencyUnavailable
from chassis.wire import money_from, money_message
from services.orders.order import CHECKOUT_TIMEOUT, Order
from services.orders.order_lines import Copies, OrderLine, UnitDiscount
from services.orders.ports import Basket, PricedBasket, RemoteServices, StepRefused, StepUnfinished

_COUPON_UNAVAILABLE: Final = "COUPON_UNAVAILABLE"
_DECLINES: Final = frozenset({"PAYMENT_DECLINED", "INSUFFICIENT_FUNDS", "PAYMENT_METHOD_UNKNOWN"})
_NO_ANSWER: Final = frozenset(
    {ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE_EXCEEDED, ErrorKind.RESOURCE_EXHAUSTED, ErrorKind.INTERNAL}
)
_RESERVED: Final = frozenset({Reservation.STATE_ACTIVE, Reservation.STATE_COMMITTED})
_SECURED: Final = frozenset({Payment.STATE_AUTHORIZED, Payment.STATE_CAPTURED})
_CHARGED: Final = frozenset({Payment.STATE_CAPTURED, Payment.STATE_PARTIALLY_REFUNDED, Payment.STATE_REFUNDED})
_NOT_HELD: Final = frozenset({Payment.STATE_VOIDED, Payment.STATE_DECLINED})


def connect(channel: Callable[[str], grpc.Channel]) -> RemoteServices:
    """The ports over channels, which are opened by the name of the service."""
    promotions = PromotionServiceStub(channel("promotions"))
    return RemoteServices(
        carts=GrpcCarts(CartServiceStub(channel("carts"))),
        prices=GrpcPrices(promotions),
        stock=GrpcStock(InventoryServiceStub(channel("inventory"))),
        coupons=GrpcCoupons(promotions),
        payments=GrpcPayments(PaymentServiceStub(channel("payments"))),
    )


@contextmanager
def _needed(service: str) -> Iterator[None]:
    """A service that gives no answer in time is UNAVAILABLE to our caller: the call may be repeated."""
    try:
        yield
    except ServiceError as error:
        if error.kind not in _NO_ANSWER:
            raise
        raise DependencyUnavailable(service=service, detail="it does not respond; repeat the call") from error


class GrpcCarts:
    """The carts service, on behalf of the current call's user."""

    def __init__(self, carts: CartServiceStub) -> None:
        self._carts = carts

    def basket(self, cart: str) -> Basket:
        """The cart. Raises CartNotFound, DependencyUnavailable."""
        try:
            with _needed("carts"):
                found = self._carts.GetCart(GetCartRequest(name=cart))
        except carts_errors.CartNotFound as error:
            raise CartNotFound(cart=cart) from error
        return Basket(
            cart=found.name,
            books=tuple((item.book, item.quantity) for item in found.items),
            coupons=tuple(found.coupons),
            etag=found.etag,
            priced=priced(found.quote) if found.HasField("quote") else None,
        )


class GrpcPrices:
    """The prices of the promotions service."""

    def __init__(self, promotions: PromotionServiceStub) -> None:
        self._promotions = promotions

    def price(self, basket: Basket) -> PricedBasket:
        """What the basket costs now. Raises DependencyUnavailable."""
        lines = [BasketLine(book=book, quantity=quantity) for book, quantity in basket.books]
        with _needed("promotions"):
            quote = self._promotions.PriceBasket(
                PriceBasketRequest(lines=lines, coupons=basket.coupons, allow_missing=True)
            )
        return priced(quote)


def priced(quote: Quote) -> PricedBasket:
    """What a quote says, as far as orders computes with it; the whole of it is kept beside. Raises ValueError."""
    applied = {outcome.promotion for outcome in quote.promotions if outcome.applied}
    coupons = tuple(
        outcome.coupon
        for outcome in quote.coupons
        if outcome.state == CouponOutcome.STATE_ACCEPTED and outcome.promotion in applied
    )
    return PricedBasket(
        lines=tuple(_line(line) for line in quote.lines),
        coupons=coupons,
        missing_books=tuple(quote.missing_books),
        extras=money_from(quote.shipping_total) + money_from(quote.tax_total),
        total=money_from(quote.total),
        quote=quote.SerializeToString(deterministic=True),
    )


def _line(line: QuoteLine) -> OrderLine:
    return OrderLine(
        book=line.book,
        title=line.title,
        digital=line.digital,
        quantity=line.quantity,
        unit_price=money_from(line.unit_price),
        unit_discounts=tuple(
            UnitDiscount(quantity=group.quantity, discount=money_from(group.discount)) for group in line.unit_discounts
        ),
    )


class GrpcStock:
    """The reservations of the inventory service."""

    def __init__(self, stock: InventoryServiceStub) -> None:
        self._stock = stock

    def reserve(self, order: Order) -> None:
        """Sets the printed copies aside. Raises StepRefused."""
        lines = [ReservationLine(book=line.book, quantity=line.quantity) for line in order.printed]
        try:
            reservation = self._stock.ReserveStock(inventory.ReserveStockRequest(order=order.name, lines=lines))
        except inventory_errors.OutOfStock as error:
            raise StepRefused(error.reason) from error
        except inventory_errors.ReservationReleased as error:
            raise StepRefused(CHECKOUT_TIMEOUT) from error
        if reservation.state not in _RESERVED:  # it was made so long ago that it has ended
            raise StepRefused(CHECKOUT_TIMEOUT)

    def commit(self, order: Order) -> None:
        """Takes the copies that were set aside."""
        self._stock.CommitReservation(inventory.CommitReservationRequest(name=_reservation(order)))

    def release(self, order: Order, copies: Sequence[Copies] | None, *, key: str) -> None:
        """Gives copies back, all of them when None is given."""
        lines = [ReservationLine(book=part.book, quantity=part.quantity) for part in copies or ()]
        self._stock.ReleaseReservation(
            inventory.ReleaseReservationRequest(name=_reservation(order), lines=lines, request_id=key)
        )


def _reservation(order: Order) -> str:
    return f"reservations/{order.id}"


class GrpcCoupons:
    """The coupons of the promotions service."""

    def __init__(self, promotions: PromotionServiceStub) -> None:
        self._promotions = promotions

    def redeem(self, order: Order, coupon: str) -> None:
        """Counts a use. Raises StepRefused."""
        request = RedeemCouponRequest(order=order.name, coupon=coupon, user=order.user)
        try:
            redemption = self._promotions.RedeemCoupon(request)
        except (promotions_errors.CouponUnavailable, promotions_errors.CouponNotFound) as error:
            raise StepRefused(_COUPON_UNAVAILABLE) from error
        if redemption.state != CouponRedemption.STATE_REDEEMED:
            raise StepRefused(_COUPON_UNAVAILABLE)

    def release(self, order: Order, coupon: str) -> None:
        """Takes the use back; a coupon that does not exist any more has none."""
        try:
            self._promotions.ReleaseCoupon(ReleaseCouponRequest(order=order.name, coupon=coupon))
        except promotions_errors.CouponNotFound:
            return


class GrpcPayments:
    """The payments service."""

    def __init__(self, stub: PaymentServiceStub) -> None:
        self._payments = stub

    def authorize(self, order: Order) -> None:
        """Has the total held. Raises StepRefused when it is declined, StepUnfinished while the provider is silent."""
        request = payments.AuthorizePaymentRequest(
            order=order.name,
            user=order.user,
            amount=money_message(order.total),
            payment_method=order.payment_method,
        )
        try:
            payment = self._payments.AuthorizePayment(request)
        except payments_errors.PaymentVoided as error:
            raise StepRefused(CHECKOUT_TIMEOUT) from error
        if payment.state == Payment.STATE_DECLINED:
            raise StepRefused(payment.decline_reason if payment.decline_reason in _DECLINES else "PAYMENT_DECLINED")
        _require(payment, _SECURED)

    def capture(self, order: Order) -> None:
        """Charges the total."""
        _require(self._payments.CapturePayment(payments.CapturePaymentRequest(name=_payment(order))), _CHARGED)

    def void(self, order: Order) -> bool:
        """Gives the hold up; False when the buyer is charged already."""
        try:
            payment = self._payments.VoidPayment(payments.VoidPaymentRequest(name=_payment(order)))
        except payments_errors.PaymentStateInvalid:
            return False
        _require(payment, _NOT_HELD)
        return True

    def refund(self, order: Order, amount: Money, *, key: str) -> None:
        """Pays back."""
        self._payments.RefundPayment(
            payments.RefundPaymentRequest(name=_payment(order), amount=money_message(amount), request_id=key)
        )


def _payment(order: Order) -> str:
    return f"payments/{order.id}"


def _require(payment: Payment, states: frozenset[Payment.State.ValueType]) -> None:
    if payment.state not in states:
        raise StepUnfinished(f"the payment is {Payment.State.Name(payment.state)}")
