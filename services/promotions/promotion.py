"""Promotions: what staff say of them, their life, and their coupons."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from bookstore.promotions.v1.promotions_errors import PeriodInvalid

from chassis.kernel import Money, check_etag


class Stage(StrEnum):
    """Where a promotion is in its life, by the clock."""

    SCHEDULED = "SCHEDULED"
    ACTIVE = "ACTIVE"
    ENDED = "ENDED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What must hold for a promotion to apply.

    `categories` are those whose books count, empty for all; `min_subtotal` is what the copies that count must cost
    before any discount.
    """

    categories: tuple[str, ...] = ()
    min_subtotal: Money | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BuyXGetY:
    """Of each full group of `buy` + `free` copies the `free` cheapest are free."""

    buy: int
    free: int

    @property
    def group(self) -> int:
        """Copies in a group."""
        return self.buy + self.free


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentage:
    """`percent` (1 to 100) of the price is taken off."""

    percent: int


Benefit = BuyXGetY | Percentage


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What staff say of a promotion. `coupon_code` is in capitals, None when everyone gets it; no `end_time`: without
    end. Raises PeriodInvalid."""

    title: str
    benefit: Benefit
    start_time: datetime
    end_time: datetime | None = None
    description: str = ""
    priority: int = 0
    exclusive: bool = False
    coupon_code: str | None = None
    max_redemptions: int | None = None
    condition: Condition = Condition()
    max_discount: Money | None = None

    def __post_init__(self) -> None:
        if self.end_time is not None and self.end_time <= self.start_time:
            raise PeriodInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """Terms in force. `version` counts its changes from 1, redemptions apart; `delete_time` is None while it lives."""

    id: str
    terms: Terms
    create_time: datetime
    update_time: datetime
    delete_time: datetime | None = None
    redemption_count: int = 0
    version: int = 1

    @property
    def name(self) -> str:
        """Resource name, `promotions/{id}`."""
        return promotion_name(self.id)

    @property
    def exhausted(self) -> bool:
        """Whether its coupon was redeemed as often as allowed."""
        return self.terms.max_redemptions is not None and self.redemption_count >= self.terms.max_redemptions

    def stage(self, now: datetime) -> Stage:
        """Where it is in its life."""
        if now < self.terms.start_time:
            return Stage.SCHEDULED
        if self.terms.end_time is not None and now >= self.terms.end_time:
            return Stage.ENDED
        return Stage.ACTIVE

    def is_public(self, now: datetime) -> bool:
        """Whether everyone may see it: active, and no coupon needed."""
        return self.terms.coupon_code is None and self.stage(now) is Stage.ACTIVE

    def revise(self, terms: Terms, *, etag: str, now: datetime) -> Promotion:
        """The promotion with other terms; itself when they are the same. Raises EtagMismatch."""
        check_etag(etag, self.version)
        if terms == self.terms:
            return self
        return replace(self, terms=terms, update_time=now, version=self.version + 1)

    def delete(self, *, etag: str, now: datetime) -> Promotion:
        """The promotion ended for good; itself when it was already. Raises EtagMismatch."""
        if self.delete_time is not None:
            return self
        check_etag(etag, self.version)
        return replace(self, delete_time=now, update_time=now, version=self.version + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Redemption:
    """The use of a coupon by an order. `create_time` is None when it was released without having been counted."""

    order: str
    coupon: str
    promotion_id: str
    released: bool
    create_time: datetime | None
    version: int = 1


def promotion_name(promotion_id: str) -> str:
    """The resource name of the promotion with the given id."""
    return f"promotions/{promotion_id}"
