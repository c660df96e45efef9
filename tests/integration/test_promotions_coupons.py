"""Orders use coupons: once each, never more often than allowed, whatever the order of messages."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from bookstore.promotions.v1.coupon_redemption_pb2 import (
    CouponRedemption,
    RedeemCouponRequest,
    ReleaseCouponRequest,
)
from bookstore.promotions.v1.promotion_pb2 import Percentage, Promotion
from bookstore.promotions.v1.promotions_events_pb2 import CouponRedeemed, CouponReleased
from bookstore.promotions.v1.promotions_service_pb2 import (
    CreatePromotionRequest,
    DeletePromotionRequest,
    GetPromotionRequest,
    PriceBasketRequest,
)
from bookstore.promotions.v1.promotions_service_pb2_grpc import PromotionServiceStub
from bookstore.promotions.v1.quote_pb2 import CouponOutcome, PromotionOutcome
from sqlalchemy import select

from chassis.schema import OUTBOX
from chassis.testing import FakeClock, Served, refused, running
from chassis.wire import timestamp
from services.promotions.app import build

Code = grpc.StatusCode


@pytest.fixture
def served(tmp_path: Path, clock: FakeClock) -> Iterator[Served]:
    with running("promotions", build, folder=tmp_path, clock=clock) as promotions:
        yield promotions


@pytest.fixture
def staff(served: Served) -> PromotionServiceStub:
    return served.stub(PromotionServiceStub, user="users/staff", roles=("staff",))


@pytest.fixture
def orders(served: Served) -> PromotionServiceStub:
    return served.stub(PromotionServiceStub, service="orders")


def offer(staff: PromotionServiceStub, code: str = "ONCE", **fields: int) -> Promotion:
    promotion = Promotion(title=code, coupon_code=code, percentage=Percentage(percent_off=10), **fields)  # type: ignore[arg-type]  # by name
    return staff.CreatePromotion(CreatePromotionRequest(promotion=promotion, promotion_id=code.lower()))


def redeem(stub: PromotionServiceStub, order: str, coupon: str = "once") -> CouponRedemption:
    return stub.RedeemCoupon(RedeemCouponRequest(order=f"orders/{order}", coupon=coupon, user="users/1"))


def release(stub: PromotionServiceStub, order: str, coupon: str = "once") -> CouponRedemption:
    return stub.ReleaseCoupon(ReleaseCouponRequest(order=f"orders/{order}", coupon=coupon))


def count(staff: PromotionServiceStub, name: str = "promotions/once") -> int:
    return staff.GetPromotion(GetPromotionRequest(name=name)).redemption_count


def events(served: Served) -> list[tuple[str, str, int, bytes]]:
    wanted = select(OUTBOX.c.subject, OUTBOX.c.aggregate, OUTBOX.c.version, OUTBOX.c.payload).order_by(OUTBOX.c.id)
    rows = served.runtime.database.read(lambda connection: connection.execute(wanted).all())
    return [tuple(row) for row in rows if ".Coupon" in row.subject]


def test_a_coupon_is_used_and_given_back_once(
    served: Served, staff: PromotionServiceStub, orders: PromotionServiceStub
) -> None:
    offer(staff)
    first = redeem(orders, "a")
    assert (first.order, first.coupon, first.promotion) == ("orders/a", "ONCE", "promotions/once")
    assert first.state == CouponRedemption.STATE_REDEEMED
    assert redeem(orders, "a", "ONCE") == first
    assert count(staff) == 1
    released = release(orders, "a")
    assert released.state == CouponRedemption.STATE_RELEASED
    assert release(orders, "a") == released
    assert count(staff) == 0
    used, given_back = events(served)
    assert used[:3] == ("bookstore.promotions.v1.CouponRedeemed", "orders/a/coupons/ONCE", 1)
    assert CouponRedeemed.FromString(used[3]).redemption_count == 1
    assert given_back[:3] == ("bookstore.promotions.v1.CouponReleased", "orders/a/coupons/ONCE", 2)
    assert CouponReleased.FromString(given_back[3]).redemption_count == 0


def test_a_use_after_its_release_counts_nothing(
    served: Served, staff: PromotionServiceStub, orders: PromotionServiceStub
) -> None:
    offer(staff)
    never_used = release(orders, "late")
    assert never_used.state == CouponRedemption.STATE_RELEASED
    assert not never_used.HasField("create_time")
    with refused(Code.FAILED_PRECONDITION, "COUPON_UNAVAILABLE") as refusal:
        redeem(orders, "late")
    assert refusal.metadata == {"coupon": "ONCE"}
    assert count(staff) == 0
    assert events(served) == []


def test_the_last_coupon_goes_to_as_many_as_allowed(
    served: Served, staff: PromotionServiceStub, orders: PromotionServiceStub
) -> None:
    offer(staff, max_redemptions=3)

    def attempt(number: int) -> bool:
        try:
            redeem(orders, f"o{number}")
        except grpc.RpcError:
            return False
        return True

    with ThreadPoolExecutor(max_workers=12) as pool:
        assert sum(pool.map(attempt, range(40))) == 3
    assert count(staff) == 3
    with refused(Code.FAILED_PRECONDITION, "COUPON_UNAVAILABLE"):
        redeem(orders, "one-more")
    quote = staff.PriceBasket(PriceBasketRequest(coupons=["ONCE"]))
    assert quote.coupons[0].state == CouponOutcome.STATE_EXHAUSTED
    assert quote.promotions[0].reason == PromotionOutcome.REASON_COUPON_EXHAUSTED


def test_a_returned_coupon_can_be_used_by_another_order(
    staff: PromotionServiceStub, orders: PromotionServiceStub
) -> None:
    offer(staff, max_redemptions=1)
    redeem(orders, "a")
    with refused(Code.FAILED_PRECONDITION, "COUPON_UNAVAILABLE"):
        redeem(orders, "b")
    release(orders, "a")
    assert redeem(orders, "b").state == CouponRedemption.STATE_REDEEMED


def test_a_coupon_counts_only_in_its_time(
    clock: FakeClock, staff: PromotionServiceStub, orders: PromotionServiceStub
) -> None:
    promotion = offer(staff, end_time=timestamp(clock.now().replace(year=2027)))  # type: ignore[arg-type]  # by name
    redeem(orders, "in-time")
    clock.advance(promotion.end_time.ToDatetime() - promotion.start_time.ToDatetime())
    with refused(Code.FAILED_PRECONDITION, "COUPON_UNAVAILABLE"):
        redeem(orders, "too-late")
    assert release(orders, "in-time").state == CouponRedemption.STATE_RELEASED


def test_a_deleted_promotion_gives_back_what_was_used(
    staff: PromotionServiceStub, orders: PromotionServiceStub
) -> None:
    promotion = offer(staff)
    redeem(orders, "a")
    staff.DeletePromotion(DeletePromotionRequest(name=promotion.name))
    assert release(orders, "a").state == CouponRedemption.STATE_RELEASED
    assert release(orders, "never").state == CouponRedemption.STATE_RELEASED
    with refused(Code.NOT_FOUND, "COUPON_NOT_FOUND"):
        redeem(orders, "b")


def test_unknown_coupons_are_not_found(orders: PromotionServiceStub) -> None:
    for call in (redeem, release):
        with refused(Code.NOT_FOUND, "COUPON_NOT_FOUND") as refusal:
            call(orders, "a", "nothing")
        assert refusal.metadata == {"coupon": "NOTHING"}


@pytest.mark.parametrize(("user", "service"), [(None, "edge"), ("users/1", "edge"), ("users/staff", "carts")])
def test_only_orders_uses_coupons(served: Served, user: str | None, service: str) -> None:
    stub = served.stub(PromotionServiceStub, user=user, roles=("staff", "admin"), service=service)
    for call in (redeem, release):
        with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
            call(stub, "a")
