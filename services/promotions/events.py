"""What promotions tell the others: ids, versions, counts and moments, as event messages."""

from __future__ import annotations

from datetime import datetime

from bookstore.promotions.v1.promotions_events_pb2 import (
    CouponRedeemed,
    CouponReleased,
    PromotionCreated,
    PromotionDeleted,
    PromotionUpdated,
)

from chassis.wire import timestamp
from services.promotions.promotion import Promotion, Redemption, promotion_name


def promotion_created(promotion: Promotion) -> PromotionCreated:
    """A promotion was made."""
    return PromotionCreated(
        promotion=promotion.name, version=promotion.version, event_time=timestamp(promotion.update_time)
    )


def promotion_updated(promotion: Promotion) -> PromotionUpdated:
    """Terms of a promotion changed."""
    return PromotionUpdated(
        promotion=promotion.name, version=promotion.version, event_time=timestamp(promotion.update_time)
    )


def promotion_deleted(promotion: Promotion) -> PromotionDeleted:
    """A promotion was taken away."""
    return PromotionDeleted(
        promotion=promotion.name, version=promotion.version, event_time=timestamp(promotion.update_time)
    )


def coupon_redeemed(redemption: Redemption, count: int, now: datetime) -> CouponRedeemed:
    """An order used a coupon; `count` uses count now."""
    return CouponRedeemed(
        promotion=promotion_name(redemption.promotion_id),
        coupon=redemption.coupon,
        order=redemption.order,
        redemption_count=count,
        version=redemption.version,
        event_time=timestamp(now),
    )


def coupon_released(redemption: Redemption, count: int, now: datetime) -> CouponReleased:
    """The use of a coupon was taken back; `count` uses still count."""
    return CouponReleased(
        promotion=promotion_name(redemption.promotion_id),
        coupon=redemption.coupon,
        order=redemption.order,
        redemption_count=count,
        version=redemption.version,
        event_time=timestamp(now),
    )
