"""Orders use coupons, and give them back when they fail.

Both are keyed by order and coupon, so that a repeat finds what the first one did, and a use that arrives after its own
release counts nothing.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from chassis.kernel import Clock
from chassis.outbox import Outbox
from services.promotions import events, storage
from services.promotions.domain import CouponNotFound, CouponUnavailable, Redemption, Stage


class Redeeming:
    """Counts the uses of coupons, in the transaction it is given."""

    def __init__(self, *, clock: Clock, outbox: Outbox) -> None:
        self._clock = clock
        self._outbox = outbox

    def redeem(self, tx: Connection, order: str, coupon: str) -> Redemption:
        """Counts one use of the coupon (in capitals) for the order. Raises CouponNotFound, CouponUnavailable."""
        known = storage.find_redemption(tx, order, coupon)
        if known is not None:
            if known.released:
                raise CouponUnavailable(coupon, f"was released for {order} before")
            return known
        now = self._clock.now()
        promotion = storage.promotion_with_coupon(tx, coupon)
        if promotion is None or promotion.delete_time is not None:
            raise CouponNotFound(coupon)
        if promotion.stage(now) is not Stage.ACTIVE:
            raise CouponUnavailable(coupon, "is not active")
        count = storage.count_redemption(tx, promotion.id)
        if count is None:
            raise CouponUnavailable(coupon, "was used as often as allowed")
        use = Redemption(order=order, coupon=coupon, promotion_id=promotion.id, released=False, create_time=now)
        storage.add_redemption(tx, use)
        self._outbox.append(tx, events.coupon_redeemed(use, count, now), aggregate=_aggregate(use), version=use.version)
        return use

    def release(self, tx: Connection, order: str, coupon: str) -> Redemption:
        """Takes the use of the coupon (in capitals) by the order back; one never counted will not be.

        Raises CouponNotFound when no promotion has, or had, the code.
        """
        known = storage.find_redemption(tx, order, coupon)
        if known is None:
            return self._never_used(tx, order, coupon)
        if known.released:
            return known
        released, now = replace(known, released=True, version=known.version + 1), self._clock.now()
        storage.release_redemption(tx, released)
        count = storage.uncount_redemption(tx, released.promotion_id)
        self._outbox.append(
            tx, events.coupon_released(released, count, now), aggregate=_aggregate(released), version=released.version
        )
        return released

    def _never_used(self, tx: Connection, order: str, coupon: str) -> Redemption:
        promotion = storage.promotion_with_coupon(tx, coupon)
        if promotion is None:
            raise CouponNotFound(coupon)
        use = Redemption(order=order, coupon=coupon, promotion_id=promotion.id, released=True, create_time=None)
        storage.add_redemption(tx, use)
        return use


def _aggregate(redemption: Redemption) -> str:
    return f"{redemption.order}/coupons/{redemption.coupon}"
