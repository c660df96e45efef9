"""Changes of promotions by staff: create, update, delete."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bookstore.promotions.v1 import promotion_pb2
from bookstore.promotions.v1.promotions_errors import CouponTaken, PromotionExists, PromotionNotFound
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from sqlalchemy import Connection

from chassis.idempotency import IdempotencyStore
from chassis.kernel import Clock, Ids
from chassis.outbox import Outbox
from services.promotions import events, store
from services.promotions.convert import promotion_message
from services.promotions.promotion import Promotion, Terms, promotion_name


class EditPromotion:
    """The commands on promotions. Each is one transaction, its event included."""

    def __init__(self, *, answers: IdempotencyStore, clock: Clock, ids: Ids, outbox: Outbox) -> None:
        self._answers = answers
        self._clock = clock
        self._ids = ids
        self._outbox = outbox

    def create(self, terms: Terms, *, promotion_id: str = "") -> promotion_pb2.Promotion:
        """Creates a promotion, with a generated id when `promotion_id` is empty.

        Raises PromotionExists, CouponTaken.
        """

        def create(tx: Connection) -> promotion_pb2.Promotion:
            now = self._clock.now()
            promotion = Promotion(id=promotion_id or self._ids.new(), terms=terms, create_time=now, update_time=now)
            if not store.add_promotion(tx, promotion):
                if store.find_promotion(tx, promotion.id) is not None:
                    raise PromotionExists(promotion=promotion.name)
                raise CouponTaken
            self._publish(tx, promotion, events.promotion_created)
            return self._message(promotion)

        return self._answers.transact(create)

    def update(self, promotion_id: str, changes: Mapping[str, Any], *, etag: str) -> promotion_pb2.Promotion:
        """Changes terms; `changes` are fields of Terms. If they are the same already, nothing is written or published.

        Raises PromotionNotFound, EtagMismatch, CouponTaken, PeriodInvalid.
        """

        def update(tx: Connection) -> promotion_pb2.Promotion:
            before = _found(tx, promotion_id)
            if before.delete_time is not None:
                raise PromotionNotFound(promotion=before.name)
            after = before.revise(replace(before.terms, **changes), etag=etag, now=self._clock.now())
            coupon = after.terms.coupon_code
            if coupon is not None and coupon != before.terms.coupon_code:
                holder = store.promotion_with_coupon(tx, coupon)
                if holder is not None and holder.delete_time is None:
                    raise CouponTaken
            if after is not before:
                store.replace_promotion(tx, after)
                self._publish(tx, after, events.promotion_updated)
            return self._message(after)

        return self._answers.transact(update)

    def delete(self, promotion_id: str, *, etag: str) -> Empty:
        """Ends a promotion for good; if it is deleted already, nothing changes.

        Raises PromotionNotFound, EtagMismatch.
        """

        def delete(tx: Connection) -> Empty:
            before = _found(tx, promotion_id)
            after = before.delete(etag=etag, now=self._clock.now())
            if after is not before:
                store.replace_promotion(tx, after)
                self._publish(tx, after, events.promotion_deleted)
            return Empty()

        return self._answers.transact(delete)

    def _message(self, promotion: Promotion) -> promotion_pb2.Promotion:
        return promotion_message(promotion, self._clock.now(), for_staff=True)  # only staff get here

    def _publish(self, tx: Connection, promotion: Promotion, event: Callable[[Promotion], Message]) -> None:
        self._outbox.append(tx, event(promotion), aggregate=promotion.name, version=promotion.version)


def _found(tx: Connection, promotion_id: str) -> Promotion:
    promotion = store.find_promotion(tx, promotion_id)
    if promotion is None:
        raise PromotionNotFound(promotion=promotion_name(promotion_id))
    return promotion
