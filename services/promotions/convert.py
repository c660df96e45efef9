"""Between the messages of the contract and the domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from bookstore.promotions.v1 import coupon_redemption_pb2, promotion_pb2, promotions_service_pb2
from bookstore.promotions.v1.promotions_errors import AmountInvalid
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.money_pb2 import Money as MoneyMessage

from chassis.errors import FieldInvalid
from chassis.kernel import Money, etag
from chassis.requests import changed_fields
from chassis.v1.platform_errors import CurrencyUnknown
from chassis.wire import moment, money_from, money_message, timestamp
from services.promotions.promotion import (
    Benefit,
    BuyXGetY,
    Condition,
    Percentage,
    Promotion,
    Redemption,
    Stage,
    Terms,
    promotion_name,
)

_STATES: Final = {stage: promotion_pb2.Promotion.State.Value(f"STATE_{stage}") for stage in Stage}
_MOST_COPIES: Final = 99


def promotion_message(promotion: Promotion, now: datetime, *, for_staff: bool) -> promotion_pb2.Promotion:
    """The promotion as the contract has it at the moment `now`; its coupon and how often it was used for staff only."""
    terms = promotion.terms
    message = promotion_pb2.Promotion(
        name=promotion.name,
        title=terms.title,
        description=terms.description,
        state=_STATES[promotion.stage(now)],
        start_time=timestamp(terms.start_time),
        end_time=timestamp(terms.end_time) if terms.end_time else None,
        priority=terms.priority,
        exclusive=terms.exclusive,
        max_discount=money_message(terms.max_discount) if terms.max_discount else None,
        create_time=timestamp(promotion.create_time),
        update_time=timestamp(promotion.update_time),
        etag=etag(promotion.version),
    )
    if terms.condition != Condition():
        minimum = terms.condition.min_subtotal
        message.condition.categories.extend(terms.condition.categories)
        if minimum is not None:
            message.condition.min_subtotal.CopyFrom(money_message(minimum))
    if isinstance(terms.benefit, BuyXGetY):
        message.buy_x_get_y.buy_quantity = terms.benefit.buy
        message.buy_x_get_y.free_quantity = terms.benefit.free
    else:
        message.percentage.percent_off = terms.benefit.percent
    if for_staff:
        message.coupon_code = terms.coupon_code or ""
        message.redemption_count = promotion.redemption_count
        if terms.max_redemptions is not None:
            message.max_redemptions = terms.max_redemptions
    return message


def redemption_message(redemption: Redemption) -> coupon_redemption_pb2.CouponRedemption:
    """The use of a coupon as the contract has it."""
    states = coupon_redemption_pb2.CouponRedemption
    return coupon_redemption_pb2.CouponRedemption(
        order=redemption.order,
        coupon=redemption.coupon,
        promotion=promotion_name(redemption.promotion_id),
        state=states.STATE_RELEASED if redemption.released else states.STATE_REDEEMED,
        create_time=timestamp(redemption.create_time) if redemption.create_time else None,
    )


def terms_of(message: promotion_pb2.Promotion, now: datetime) -> Terms:
    """What staff say of a new promotion; output-only fields are ignored, an absent start is `now`.

    Raises AmountInvalid, PeriodInvalid, FieldInvalid without a benefit.
    """
    fields = {field: read(message) for field, read in _FIELDS.items() if field != "start_time"}
    return Terms(**fields, start_time=_start(message) or now, benefit=_benefit(message))


def changes_of(message: promotion_pb2.Promotion, mask: FieldMask, now: datetime) -> Mapping[str, Any]:
    """The fields of Terms to change and their values: those of the mask, or all populated ones when it is empty.

    Raises what `terms_of` does, and FieldInvalid for a path that is no field of a promotion.
    """
    paths = changed_fields(message, mask)
    changes = {path: _FIELDS[path](message) for path in paths if path in _FIELDS}
    if "start_time" in changes:
        changes["start_time"] = changes["start_time"] or now
    if "buy_x_get_y" in paths or "percentage" in paths:
        changes["benefit"] = _benefit(message)
    return changes


def quantities_of(lines: Sequence[promotions_service_pb2.BasketLine]) -> dict[str, int]:
    """Copies of each book, in the order asked for. Raises FieldInvalid for more than 99 of one."""
    quantities: dict[str, int] = {}
    for index, line in enumerate(lines):
        quantities[line.book] = quantities.get(line.book, 0) + line.quantity
        if quantities[line.book] > _MOST_COPIES:
            raise FieldInvalid([(f"lines[{index}].quantity", f"at most {_MOST_COPIES} copies of a book")])
    return quantities


def coupons_of(codes: Sequence[str]) -> list[str]:
    """The codes in capitals, each once, in the order sent."""
    return list(dict.fromkeys(code.upper() for code in codes))


def _benefit(message: promotion_pb2.Promotion) -> Benefit:
    if message.HasField("buy_x_get_y"):
        return BuyXGetY(buy=message.buy_x_get_y.buy_quantity, free=message.buy_x_get_y.free_quantity)
    if message.HasField("percentage"):
        return Percentage(percent=message.percentage.percent_off)
    raise FieldInvalid([("promotion.benefit", "a promotion needs buy_x_get_y or percentage")])


def _start(message: promotion_pb2.Promotion) -> datetime | None:
    return _moment(message, "start_time")


def _moment(message: promotion_pb2.Promotion, field: str) -> datetime | None:
    return moment(getattr(message, field)) if message.HasField(field) else None  # type: ignore[arg-type]  # by name


def _condition(message: promotion_pb2.Promotion) -> Condition:
    condition = message.condition
    minimum = condition.min_subtotal if condition.HasField("min_subtotal") else None
    return Condition(
        categories=tuple(condition.categories),
        min_subtotal=None if minimum is None else _money(minimum, "promotion.condition.min_subtotal"),
    )


def _max_discount(message: promotion_pb2.Promotion) -> Money | None:
    return _money(message.max_discount, "promotion.max_discount") if message.HasField("max_discount") else None


def _money(message: MoneyMessage, field: str) -> Money:
    try:
        return money_from(message, field=field)
    except CurrencyUnknown as error:
        raise AmountInvalid(detail=error.message, field=error.field) from error


# The fields of Terms, which bear the names of the contract's; the benefit is one of two.
_FIELDS: Final[Mapping[str, Callable[[promotion_pb2.Promotion], Any]]] = {
    "title": lambda message: message.title,
    "description": lambda message: message.description,
    "start_time": _start,
    "end_time": lambda message: _moment(message, "end_time"),
    "priority": lambda message: message.priority,
    "exclusive": lambda message: message.exclusive,
    "coupon_code": lambda message: message.coupon_code.upper() or None,
    "max_redemptions": lambda message: message.max_redemptions if message.HasField("max_redemptions") else None,
    "condition": _condition,
    "max_discount": _max_discount,
}
