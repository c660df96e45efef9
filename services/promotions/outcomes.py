"""Why each promotion did, or did not, take something off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chassis.kernel import Money
from services.promotions.basket import Item, Outcome, Reason
from services.promotions.eligibility import copies_that_count, missing_amount, obstacle
from services.promotions.promotion import BuyXGetY, Promotion


def outcomes(
    tried: Sequence[Promotion],
    items: Sequence[Item],
    chosen: Sequence[Promotion],
    amounts: Mapping[str, int],
    currency: str,
) -> tuple[Outcome, ...]:
    """The outcome of each promotion in `tried`; `chosen` were used together, `amounts` is what they took off by id.

    A promotion that another one shuts out is EXCLUDED even if it also lacks something, so that no message promises
    what adding a book would not bring.
    """
    applied = [promotion for promotion in chosen if amounts[promotion.id]]
    found = []
    for promotion in tried:
        off = Money(minor=amounts.get(promotion.id, 0), currency=currency)
        rival = _rival(promotion, items, chosen, applied)
        reason = _reason(promotion, items, currency, off, rival)
        message = _message(promotion, items, reason, off, rival)
        found.append(Outcome(promotion=promotion, amount=off, reason=reason, message=message))
    return tuple(found)


def _rival(
    promotion: Promotion, items: Sequence[Item], chosen: Sequence[Promotion], applied: Sequence[Promotion]
) -> Promotion | None:
    """The applied promotion that shuts this one out, or takes copies away that would count for it."""
    others = [other for other in applied if other is not promotion]
    for other in others:
        if other.terms.exclusive or promotion.terms.exclusive:
            return other
    if not isinstance(promotion.terms.benefit, BuyXGetY):
        return None
    groups = [other for other in others if isinstance(other.terms.benefit, BuyXGetY)]
    for other in groups:
        if promotion not in chosen or any(item.belongs_to(promotion) and item.belongs_to(other) for item in items):
            return other
    return None


def _reason(promotion: Promotion, items: Sequence[Item], currency: str, off: Money, rival: Promotion | None) -> Reason:
    if off:
        return Reason.APPLIED
    lacking = obstacle(promotion, items, currency)
    if lacking is not None and lacking is not Reason.SUBTOTAL_TOO_LOW:
        return lacking
    if rival is not None:
        return Reason.EXCLUDED
    if lacking is not None:
        return lacking
    return Reason.NOT_ENOUGH_COPIES if _missing_copies(promotion, items) > 0 else Reason.NOTHING_LEFT


def _missing_copies(promotion: Promotion, items: Sequence[Item]) -> int:
    benefit = promotion.terms.benefit
    return benefit.group - copies_that_count(promotion, items) if isinstance(benefit, BuyXGetY) else 0


def _message(promotion: Promotion, items: Sequence[Item], reason: Reason, off: Money, rival: Promotion | None) -> str:
    terms = promotion.terms
    of_kind = f" of {' or '.join(terms.condition.categories)}" if terms.condition.categories else ""
    match reason:
        case Reason.APPLIED:
            return f"{off} off"
        case Reason.NOT_ENOUGH_COPIES:
            return f"Add {_books(_missing_copies(promotion, items))}{of_kind} and {_free(promotion)}"
        case Reason.SUBTOTAL_TOO_LOW:
            return f"Add books{of_kind} for {missing_amount(promotion, items, off.currency)} more"
        case Reason.NO_MATCHING_BOOK:
            return f"There is no book{of_kind} in the basket"
        case Reason.EXCLUDED:
            return f"Does not go together with {rival.terms.title if rival else 'another promotion'}"
        case Reason.OTHER_CURRENCY:
            return f"Not for prices in {off.currency}"
        case Reason.COUPON_EXHAUSTED:
            return "The coupon was used as often as allowed"
        case Reason.NOTHING_LEFT:
            return "Nothing is left to take off"


def _books(count: int) -> str:
    return f"{count} more book" if count == 1 else f"{count} more books"


def _free(promotion: Promotion) -> str:
    benefit = promotion.terms.benefit
    free = benefit.free if isinstance(benefit, BuyXGetY) else 0
    return "the cheapest is free" if free == 1 else f"the {free} cheapest are free"
