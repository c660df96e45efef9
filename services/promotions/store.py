"""Promotions and the redemptions of their coupons in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

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

from chassis.database import ByCodePoint, Columns, Instant, RowCodec, Statement, insert_if_absent
from chassis.kernel import Money
from chassis.schema import chassis_tables
from services.promotions.promotion import Benefit, BuyXGetY, Condition, Percentage, Promotion, Redemption, Terms

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
LIVING: Final = PROMOTIONS.c.delete_time.is_(None)
Index("promotions_coupon_code", PROMOTIONS.c.coupon_code, unique=True, sqlite_where=LIVING, postgresql_where=LIVING)

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

_active = and_(
    PROMOTIONS.c.start_time <= bindparam("now", type_=Instant),
    or_(PROMOTIONS.c.end_time.is_(None), PROMOTIONS.c.end_time > bindparam("now", type_=Instant)),
)
PUBLIC: Final = and_(PROMOTIONS.c.coupon_code.is_(None), _active)
"""What everyone may see at the moment `now` (a parameter)."""


def _money(minor: int | None, currency: str | None) -> Money | None:
    return None if minor is None or currency is None else Money(minor=minor, currency=currency)


def _money_row(money: Money | None) -> tuple[int | None, str | None]:
    return (money.minor, money.currency) if money else (None, None)


def _benefit(buy: int | None, free: int | None, percent: int | None) -> Benefit:
    if buy is not None and free is not None:
        return BuyXGetY(buy=buy, free=free)
    return Percentage(percent=percent or 0)


def _benefit_row(benefit: Benefit) -> tuple[int | None, int | None, int | None]:
    return (benefit.buy, benefit.free, None) if isinstance(benefit, BuyXGetY) else (None, None, benefit.percent)


_CONDITION: Final = RowCodec(
    Condition,
    PROMOTIONS,
    categories=Columns("categories", read=tuple, write=list),
    min_subtotal=Columns("min_subtotal_minor", "min_subtotal_currency", read=_money, write=_money_row),
)
_TERMS: Final = RowCodec(
    Terms,
    PROMOTIONS,
    condition=_CONDITION,
    benefit=Columns("buy_quantity", "free_quantity", "percent_off", read=_benefit, write=_benefit_row),
    max_discount=Columns("max_discount_minor", "max_discount_currency", read=_money, write=_money_row),
)
PROMOTION: Final = RowCodec(Promotion, PROMOTIONS, terms=_TERMS)
"""Makes a Promotion of a row."""
_REDEMPTION: Final = RowCodec(Redemption, REDEMPTIONS, order=Columns("order_name", read=str))

_this = PROMOTIONS.c.id == bindparam("promotion_id")
_BY_ID: Final = Statement(select(*PROMOTION.columns).where(_this), PROMOTION)
_FOR_BASKET: Final = Statement(
    select(*PROMOTION.columns).where(
        LIVING, or_(PUBLIC, PROMOTIONS.c.coupon_code.in_(bindparam("coupons", expanding=True)))
    ),
    PROMOTION,
)
_BY_COUPON: Final = Statement(
    select(*PROMOTION.columns)
    .where(PROMOTIONS.c.coupon_code == bindparam("coupon"))
    .order_by(PROMOTIONS.c.delete_time.is_not(None), PROMOTIONS.c.delete_time.desc())
    .limit(1),
    PROMOTION,
)
_UPDATE: Final = Statement(
    update(PROMOTIONS).where(_this),
    keys=tuple(name for name in PROMOTION.names if name not in ("id", "redemption_count")),
)
_COUNT_ONE: Final = Statement(
    update(PROMOTIONS)
    .where(
        _this,
        or_(
            PROMOTIONS.c.max_redemptions.is_(None),
            PROMOTIONS.c.redemption_count < PROMOTIONS.c.max_redemptions,
        ),
    )
    .values(redemption_count=PROMOTIONS.c.redemption_count + 1)
    .returning(PROMOTIONS.c.redemption_count),
    int,
)
_UNCOUNT_ONE: Final = Statement(
    update(PROMOTIONS)
    .where(_this)
    .values(redemption_count=PROMOTIONS.c.redemption_count - 1)
    .returning(PROMOTIONS.c.redemption_count),
    int,
)
_same_use = and_(REDEMPTIONS.c.order_name == bindparam("by_order"), REDEMPTIONS.c.coupon == bindparam("of_coupon"))
_FIND_USE: Final = Statement(select(*_REDEMPTION.columns).where(_same_use), _REDEMPTION)
_ADD_USE: Final = Statement(insert(REDEMPTIONS), keys=_REDEMPTION.names)
_RELEASE_USE: Final = Statement(update(REDEMPTIONS).where(_same_use), keys=("released", "version"))


def find_promotion(connection: Connection, promotion_id: str) -> Promotion | None:
    """Returns the promotion with the id, deleted or not."""
    return _BY_ID.first(connection, promotion_id=promotion_id)


def promotion_with_coupon(connection: Connection, coupon: str) -> Promotion | None:
    """Returns the promotion with the code, else the one of those deleted that had it last."""
    return _BY_COUPON.first(connection, coupon=coupon)


def promotions_for_basket(connection: Connection, coupons: Sequence[str], now: datetime) -> list[Promotion]:
    """Returns what is public now, and what the coupons open, active or not."""
    return _FOR_BASKET.all(connection, coupons=coupons, now=now)


def add_promotion(tx: Connection, promotion: Promotion) -> bool:
    """Adds a promotion unless its id or its coupon is taken; returns whether it did."""
    return insert_if_absent(tx, PROMOTIONS, PROMOTION.values(promotion))


def replace_promotion(tx: Connection, promotion: Promotion) -> None:
    """Writes a promotion over its former self; the count of redemptions stays."""
    _UPDATE.run(tx, promotion_id=promotion.id, **PROMOTION.values(promotion))


def count_redemption(tx: Connection, promotion_id: str) -> int | None:
    """Counts one more use in one statement; returns the uses then, None when as many as allowed are counted."""
    return _COUNT_ONE.first(tx, promotion_id=promotion_id)


def uncount_redemption(tx: Connection, promotion_id: str) -> int:
    """Counts one use less; returns the uses then."""
    return _UNCOUNT_ONE.first(tx, promotion_id=promotion_id) or 0


def find_redemption(connection: Connection, order: str, coupon: str) -> Redemption | None:
    """Returns the use of a coupon by an order."""
    return _FIND_USE.first(connection, by_order=order, of_coupon=coupon)


def add_redemption(tx: Connection, redemption: Redemption) -> None:
    """Adds the use of a coupon."""
    _ADD_USE.run(tx, **_REDEMPTION.values(redemption))


def release_redemption(tx: Connection, redemption: Redemption) -> None:
    """Writes that a use was released."""
    _RELEASE_USE.run(
        tx,
        by_order=redemption.order,
        of_coupon=redemption.coupon,
        released=redemption.released,
        version=redemption.version,
    )
