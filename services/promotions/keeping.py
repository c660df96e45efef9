"""Promotions are kept: read by everyone, made, changed and deleted by staff.

A change runs in the transaction it is given, and its event leaves in the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection

from chassis.database import Database
from chassis.interceptors.access import RoleRequired
from chassis.kernel import Caller, Clock, Ids
from chassis.outbox import Outbox
from chassis.paging import Page, PageRequest, paginate
from services.promotions import events, storage
from services.promotions.domain import (
    CouponTaken,
    Promotion,
    PromotionExists,
    PromotionNotFound,
    Terms,
    promotion_name,
)


class Keeping:
    """Reads and changes promotions."""

    def __init__(self, database: Database, *, clock: Clock, ids: Ids, outbox: Outbox) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._outbox = outbox

    def promotion(self, promotion_id: str, caller: Caller) -> Promotion:
        """One promotion; to the public one that is active and needs no coupon. Raises PromotionNotFound."""
        found = self._database.read(lambda connection: storage.find_promotion(connection, promotion_id))
        if found is None or found.delete_time is not None:
            raise PromotionNotFound(promotion_name(promotion_id))
        if not caller.is_staff and not found.is_public(self._clock.now()):
            raise PromotionNotFound(promotion_name(promotion_id))
        return found

    def page(self, request: PageRequest, caller: Caller, *, show_all: bool) -> Page[Promotion]:
        """A page of promotions in falling priority; all of them for staff who ask for it.

        Raises PageTokenInvalid, RoleRequired.
        """
        if show_all and not caller.is_staff:
            raise RoleRequired("only staff see promotions that are not public", field="show_all")
        statement = storage.LISTED
        if not show_all:
            statement = statement.where(storage.PUBLIC).params(now=self._clock.now())
        page = self._database.read(
            lambda connection: paginate(connection, statement, storage.LIST_ORDER, request),
        )
        return page.map(storage.promotion_of)

    def create(self, tx: Connection, terms: Terms, *, promotion_id: str = "") -> Promotion:
        """Makes a promotion, under an id of the server's when `promotion_id` is empty.

        Raises PromotionExists, CouponTaken.
        """
        now = self._clock.now()
        promotion = Promotion(id=promotion_id or self._ids.new(), terms=terms, create_time=now, update_time=now)
        if not storage.add_promotion(tx, promotion):
            if storage.find_promotion(tx, promotion.id) is not None:
                raise PromotionExists(promotion.name)
            raise CouponTaken
        self._publish(tx, promotion, events.promotion_created)
        return promotion

    def update(self, tx: Connection, promotion_id: str, changes: Mapping[str, Any], *, etag: str) -> Promotion:
        """Changes terms; `changes` are fields of Terms. Nothing changed: nothing is written or published.

        Raises PromotionNotFound, EtagMismatch, CouponTaken, PeriodInvalid.
        """
        before = storage.find_promotion(tx, promotion_id)
        if before is None or before.delete_time is not None:
            raise PromotionNotFound(promotion_name(promotion_id))
        after = before.revise(replace(before.terms, **changes), etag=etag, now=self._clock.now())
        coupon = after.terms.coupon_code
        if coupon is not None and coupon != before.terms.coupon_code:
            holder = storage.promotion_with_coupon(tx, coupon)
            if holder is not None and holder.delete_time is None:
                raise CouponTaken
        if after is not before:
            storage.replace_promotion(tx, after)
            self._publish(tx, after, events.promotion_updated)
        return after

    def delete(self, tx: Connection, promotion_id: str, *, etag: str) -> Promotion:
        """Ends a promotion for good; one that is deleted stays as it is. Raises PromotionNotFound, EtagMismatch."""
        before = storage.find_promotion(tx, promotion_id)
        if before is None:
            raise PromotionNotFound(promotion_name(promotion_id))
        after = before.delete(etag=etag, now=self._clock.now())
        if after is not before:
            storage.replace_promotion(tx, after)
            self._publish(tx, after, events.promotion_deleted)
        return after

    def _publish(self, tx: Connection, promotion: Promotion, event: Callable[[Promotion], Message]) -> None:
        self._outbox.append(tx, event(promotion), aggregate=promotion.name, version=promotion.version)
