"""Orders redeem coupons, and release them when they fail.

Both are keyed by order and coupon, so that a repeat finds what the first one did, and a use that arrives after its own
release counts nothing.
"""

from __future__ import annotations

from dataclasses import replace

from bookstore.promotions.v1 import coupon_redemption_pb2
from bookstore.promotions.v1.promotions_errors import CouponNotFound, CouponUnavailable
from sqlalchemy import Connection

from chassis.idempotency import IdempotencyStore
from chassis.kernel import Clock
from chassis.outbox import Outbox
from services.promotions import events, store
from services.promotions.convert import redemption_message
from services.promotions.promotion import Redemption, Stage


class Coupons:
    """The commands on the uses of coupons. Each is one transaction, its event included."""

    def __init__(self, *, answers: IdempotencyStore, clock: Clock, outbox: Outbox) -> None:
        self._answers = answers
        self._clock = clock
        self._outbox = outbox

    def redeem(self, order: str, coupon: str) -> coupon_redemption_pb2.CouponRedemption:
        """Counts one use of the coupon (in capitals) for the order. Raises CouponNotFound, CouponUnavailable."""
        return self._answers.transact(lambda tx: redemption_message(self._redeemed(tx, order, coupon)))

    def release(self, order: str, coupon: str) -> coupon_redemption_pb2.CouponRedemption:
        """Releases the use of the coupon (in capitals) by the order; one never counted will not be.

        Raises CouponNotFound when no promotion has, or had, the code.
        """
        return self._answers.transact(lambda tx: redemption_message(self._released(tx, order, coupon)))

    def _redeemed(self, tx: Connection, order: str, coupon: str) -> Redemption:
        known = store.find_redemption(tx, order, coupon)
        if known is not None:
            if known.released:
                raise CouponUnavailable(coupon=coupon, detail=f"it was released for {order}")
            return known
        now = self._clock.now()
        promotion = store.promotion_with_coupon(tx, coupon)
        if promotion is None or promotion.delete_time is not None:
            raise CouponNotFound(coupon=coupon)
        if promotion.stage(now) is not Stage.ACTIVE:
            raise CouponUnavailable(coupon=coupon, detail="it is not active")
        count = store.count_redemption(tx, promotion.id)
        if count is None:
            raise CouponUnavailable(coupon=coupon, detail="it was redeemed as often as allowed")
        use = Redemption(order=order, coupon=coupon, promotion_id=promotion.id, released=False, create_time=now)
        store.add_redemption(tx, use)
        self._outbox.append(tx, events.coupon_redeemed(use, count, now), aggregate=_aggregate(use), version=use.version)
        return use

    def _released(self, tx: Connection, order: str, coupon: str) -> Redemption:
        known = store.find_redemption(tx, order, coupon)
        if known is None:
            return self._never_used(tx, order, coupon)
        if known.released:
            return known
        released, now = replace(known, released=True, version=known.version + 1), self._clock.now()
        store.release_redemption(tx, released)
        count = store.uncount_redemption(tx, released.promotion_id)
        self._outbox.append(
            tx, events.coupon_released(released, count, now), aggregate=_aggregate(released), version=released.version
        )
        return released

    def _never_used(self, tx: Connection, order: str, coupon: str) -> Redemption:
        promotion = store.promotion_with_coupon(tx, coupon)
        if promotion is None:
            raise CouponNotFound(coupon=coupon)
        use = Redemption(order=order, coupon=coupon, promotion_id=promotion.id, released=True, create_time=None)
        store.add_redemption(tx, use)
        return use


def _aggregate(redemption: Redemption) -> str:
    return f"{redemption.order}/coupons/{redemption.coupon}"
