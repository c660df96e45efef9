"""Promotions and the redemptions of their coupons in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    and_,
    bindparam,
    insert,
    or_,
    select,
    update,
)

from chassis.database import AnyRow, ByCodePoint, Instant, insert_if_absent
from chassis.kernel import Money
from chassis.paging import Order, OrderKey
from chassis.schema import chassis_tables
from services.promotions.domain import Benefit, BuyXGetY, Condition, Percentage, Promotion, Redemption, Terms

metadata = MetaData()
chassis_tables(metadata)

PROMOTIONS: Final = Table(
    "promotions",
    metadata,
    Column("id", ByCodePoint, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("description", Text, nullable=False),
    Column("start_time", Instant, nullable=False),
    Column("end_time", Instant),
    Column("priority", Integer, nullable=False),
    Column("exclusive", Boolean, nullable=False),
    Column("coupon_code", Text),  # in capitals
    Column("max_redemptions", BigInteger),
    Column("redemption_count", BigInteger, nullable=False),
    Column("categories", JSON, nullable=False),  # [category, ...]
    Column("min_subtotal_minor", BigInteger),
    Column("min_subtotal_currency", Text),
    Column("buy_quantity", Integer),  # with free_quantity, or percent_off
    Column("free_quantity", Integer),
    Column("percent_off", Integer),
    Column("max_discount_minor", BigInteger),
    Column("max_discount_currency", Text),
    Column("create_time", Instant, nullable=False),
    Column("update_time", Instant, nullable=False),
    Column("delete_time", Instant),
    PrimaryKeyConstraint("id", name="promotions_pk"),
)
_living = PROMOTIONS.c.delete_time.is_(None)
Index("promotions_coupon_code", PROMOTIONS.c.coupon_code, unique=True, sqlite_where=_living, postgresql_where=_living)

REDEMPTIONS: Final = Table(
    "redemptions",
    metadata,
    Column("order_name", Text, nullable=False),
    Column("coupon", Text, nullable=False),  # in capitals
    Column("promotion_id", ByCodePoint, nullable=False),
    Column("released", Boolean, nullable=False),
    Column("create_time", Instant),  # absent: released without having been counted
    Column("version", BigInteger, nullable=False),
    PrimaryKeyConstraint("order_name", "coupon", name="redemptions_pk"),
    ForeignKeyConstraint(["promotion_id"], ["promotions.id"], name="redemptions_promotion"),
    Index("redemptions_promotion_id", "promotion_id"),
)

LISTED: Final = select(PROMOTIONS).where(_living)
LIST_ORDER: Final[Order] = (
    OrderKey(column=PROMOTIONS.c.priority, descending=True),
    OrderKey(column=PROMOTIONS.c.id),
)

_active = and_(
    PROMOTIONS.c.start_time <= bindparam("now", type_=Instant),
    or_(PROMOTIONS.c.end_time.is_(None), PROMOTIONS.c.end_time > bindparam("now", type_=Instant)),
)
PUBLIC: Final = and_(PROMOTIONS.c.coupon_code.is_(None), _active)
"""What everyone may see at the moment `now` (a parameter)."""

_BY_ID: Final = select(PROMOTIONS).where(PROMOTIONS.c.id == bindparam("promotion_id"))
_FOR_BASKET: Final = LISTED.where(or_(PUBLIC, PROMOTIONS.c.coupon_code.in_(bindparam("coupons", expanding=True))))
_BY_COUPON: Final = (
    select(PROMOTIONS)
    .where(PROMOTIONS.c.coupon_code == bindparam("coupon"))
    .order_by(PROMOTIONS.c.delete_time.is_not(None), PROMOTIONS.c.delete_time.desc())
    .limit(1)
)
_UPDATE: Final = update(PROMOTIONS).where(PROMOTIONS.c.id == bindparam("promotion_id"))
_COUNT_ONE: Final = (
    update(PROMOTIONS)
    .where(
        PROMOTIONS.c.id == bindparam("promotion_id"),
        or_(
            PROMOTIONS.c.max_redemptions.is_(None),
            PROMOTIONS.c.redemption_count < PROMOTIONS.c.max_redemptions,
        ),
    )
    .values(redemption_count=PROMOTIONS.c.redemption_count + 1)
    .returning(PROMOTIONS.c.redemption_count)
)
_UNCOUNT_ONE: Final = (
    update(PROMOTIONS)
    .where(PROMOTIONS.c.id == bindparam("promotion_id"))
    .values(redemption_count=PROMOTIONS.c.redemption_count - 1)
    .returning(PROMOTIONS.c.redemption_count)
)
_same_use = and_(REDEMPTIONS.c.order_name == bindparam("by_order"), REDEMPTIONS.c.coupon == bindparam("of_coupon"))
_REDEMPTION: Final = select(REDEMPTIONS).where(_same_use)
_RELEASE: Final = update(REDEMPTIONS).where(_same_use)


def find_promotion(connection: Connection, promotion_id: str) -> Promotion | None:
    """The promotion with the id, deleted or not."""
    row = connection.execute(_BY_ID, {"promotion_id": promotion_id}).one_or_none()
    return None if row is None else promotion_of(row)


def promotion_with_coupon(connection: Connection, coupon: str) -> Promotion | None:
    """The promotion with the code, else the one of those deleted that had it last."""
    row = connection.execute(_BY_COUPON, {"coupon": coupon}).one_or_none()
    return None if row is None else promotion_of(row)


def promotions_for_basket(connection: Connection, coupons: Sequence[str], now: datetime) -> list[Promotion]:
    """What is public now, and what the coupons open, active or not."""
    return [promotion_of(row) for row in connection.execute(_FOR_BASKET, {"coupons": list(coupons), "now": now})]


def add_promotion(tx: Connection, promotion: Promotion) -> bool:
    """Adds a promotion unless its id or its coupon is taken; says whether it did."""
    values = {"id": promotion.id, "redemption_count": promotion.redemption_count, **_values(promotion)}
    return insert_if_absent(tx, PROMOTIONS, values)


def replace_promotion(tx: Connection, promotion: Promotion) -> None:
    """Writes a promotion over its former self; the count of redemptions stays."""
    tx.execute(_UPDATE, {"promotion_id": promotion.id, **_values(promotion)})


def count_redemption(tx: Connection, promotion_id: str) -> int | None:
    """Counts one more use in one statement; the uses then, or None when as many as allowed are counted."""
    count: int | None = tx.execute(_COUNT_ONE, {"promotion_id": promotion_id}).scalar_one_or_none()
    return count


def uncount_redemption(tx: Connection, promotion_id: str) -> int:
    """Counts one use less; the uses then."""
    count: int = tx.execute(_UNCOUNT_ONE, {"promotion_id": promotion_id}).scalar_one()
    return count


def find_redemption(connection: Connection, order: str, coupon: str) -> Redemption | None:
    """The use of a coupon by an order."""
    row = connection.execute(_REDEMPTION, {"by_order": order, "of_coupon": coupon}).one_or_none()
    if row is None:
        return None
    return Redemption(
        order=row.order_name,
        coupon=row.coupon,
        promotion_id=row.promotion_id,
        released=row.released,
        create_time=row.create_time,
        version=row.version,
    )


def add_redemption(tx: Connection, redemption: Redemption) -> None:
    """Adds the use of a coupon."""
    tx.execute(
        insert(REDEMPTIONS),
        {
            "order_name": redemption.order,
            "coupon": redemption.coupon,
            "promotion_id": redemption.promotion_id,
            "released": redemption.released,
            "create_time": redemption.create_time,
            "version": redemption.version,
        },
    )


def release_redemption(tx: Connection, redemption: Redemption) -> None:
    """Writes that a use was taken back."""
    tx.execute(
        _RELEASE,
        {
            "by_order": redemption.order,
            "of_coupon": redemption.coupon,
            "released": redemption.released,
            "version": redemption.version,
        },
    )


def promotion_of(row: AnyRow) -> Promotion:
    """The promotion in a row of PROMOTIONS."""
    terms = Terms(
        title=row.title,
        description=row.description,
        start_time=row.start_time,
        end_time=row.end_time,
        priority=row.priority,
        exclusive=row.exclusive,
        coupon_code=row.coupon_code,
        max_redemptions=row.max_redemptions,
        condition=Condition(
            categories=tuple(row.categories),
            min_subtotal=_money(row.min_subtotal_minor, row.min_subtotal_currency),
        ),
        benefit=_benefit(row),
        max_discount=_money(row.max_discount_minor, row.max_discount_currency),
    )
    return Promotion(
        id=row.id,
        terms=terms,
        create_time=row.create_time,
        update_time=row.update_time,
        delete_time=row.delete_time,
        redemption_count=row.redemption_count,
        version=row.version,
    )


def _benefit(row: AnyRow) -> Benefit:
    if row.percent_off is not None:
        return Percentage(percent=row.percent_off)
    return BuyXGetY(buy=row.buy_quantity, free=row.free_quantity)


def _money(minor: int | None, currency: str | None) -> Money | None:
    return None if minor is None or currency is None else Money(minor=minor, currency=currency)


def _values(promotion: Promotion) -> dict[str, Any]:
    terms = promotion.terms
    benefit, minimum, cap = terms.benefit, terms.condition.min_subtotal, terms.max_discount
    return {
        "version": promotion.version,
        "title": terms.title,
        "description": terms.description,
        "start_time": terms.start_time,
        "end_time": terms.end_time,
        "priority": terms.priority,
        "exclusive": terms.exclusive,
        "coupon_code": terms.coupon_code,
        "max_redemptions": terms.max_redemptions,
        "categories": list(terms.condition.categories),
        "min_subtotal_minor": minimum.minor if minimum else None,
        "min_subtotal_currency": minimum.currency if minimum else None,
        "buy_quantity": benefit.buy if isinstance(benefit, BuyXGetY) else None,
        "free_quantity": benefit.free if isinstance(benefit, BuyXGetY) else None,
        "percent_off": benefit.percent if isinstance(benefit, Percentage) else None,
        "max_discount_minor": cap.minor if cap else None,
        "max_discount_currency": cap.currency if cap else None,
        "create_time": promotion.create_time,
        "update_time": promotion.update_time,
        "delete_time": promotion.delete_time,
    }
