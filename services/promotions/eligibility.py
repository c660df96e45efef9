"""Whether a basket meets what a promotion asks for."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.kernel import Money, total
from services.promotions.basket import Item, Reason
from services.promotions.promotion import Promotion


def obstacle(promotion: Promotion, items: Sequence[Item], currency: str) -> Reason | None:
    """What keeps the promotion from the basket whatever the other promotions do, or None."""
    terms = promotion.terms
    amounts = (terms.max_discount, terms.condition.min_subtotal)
    if promotion.exhausted:
        return Reason.COUPON_EXHAUSTED
    if any(amount is not None and amount.currency != currency for amount in amounts):
        return Reason.OTHER_CURRENCY
    if terms.condition.categories and not any(item.belongs_to(promotion) for item in items):
        return Reason.NO_MATCHING_BOOK
    if missing_amount(promotion, items, currency):
        return Reason.SUBTOTAL_TOO_LOW
    return None


def copies_that_count(promotion: Promotion, items: Sequence[Item]) -> int:
    """How many copies count for the promotion."""
    return sum(item.quantity for item in items if item.belongs_to(promotion))


def missing_amount(promotion: Promotion, items: Sequence[Item], currency: str) -> Money:
    """What is missing to the promotion's minimum; zero when it is reached or there is none."""
    minimum = promotion.terms.condition.min_subtotal or Money.zero(currency)
    worth = total((item.unit_price * item.quantity for item in items if item.belongs_to(promotion)), currency)
    return max(minimum - worth, Money.zero(currency))
