"""What a basket costs: pure, exact, and the same whatever the order of the lines.

How promotions combine
----------------------
1. A promotion is eligible when its coupon is not used up, it speaks of the basket's currency, some copy counts for it
   (its categories) and those copies reach its minimum before any discount.
2. The lawful combinations are: all eligible promotions that are not exclusive together; each exclusive one alone. The
   one that takes off most is chosen; of equal ones that with the higher priority, then the earlier name.
3. Within a combination, percentages for some categories come first, then the rest; each by falling priority, then by
   name; each works on what the ones before it left of the price.
4. A percentage takes its share of what is left of the copies that count, in proportion to what is left of each.
5. Buy X get Y sorts the copies that count by what is left of their price, falling, and of each full group the last Y
   are free. A copy counts for one such promotion only, the first whose categories it has. Where this splits the
   copies among several, using any one of them instead of all is a lawful combination too.
6. A cap cuts what a promotion takes off, in proportion for each copy.

All of this is computed in fractions. What all promotions take off together is rounded once, half up, to the smallest
unit; the amounts of the promotions, and the discounts of the copies, are whole numbers that sum to it.

What holds
----------
No copy costs less than zero. Adding a copy never raises the total by more than its price: raising one price by d
raises what is left by at most d at every step, or lets a promotion start, which only lowers it; the best of several
such combinations, and a monotone rounding, keep that. It would not hold without 2 (the best one), without categories
first in 3, or if a copy counted for two groups in 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from chassis.kernel import Money, total
from services.promotions.allocation import rounded_parts, share_out
from services.promotions.basket import Item, PricedBasket, PricedLine, UnitDiscount
from services.promotions.benefits import Copies, buy_x_get_y, percentage
from services.promotions.eligibility import obstacle
from services.promotions.outcomes import outcomes
from services.promotions.promotion import BuyXGetY, Percentage, Promotion


@dataclass(frozen=True, slots=True, kw_only=True)
class _Combination:
    """Promotions used together, in the order they are tried, and what each takes off exactly."""

    members: tuple[Promotion, ...]
    taken: tuple[Fraction, ...]
    copies: tuple[Copies, ...]


def price_basket(
    items: Sequence[Item], promotions: Iterable[Promotion], *, currency: str, shipping_fee: Money
) -> PricedBasket:
    """Prices a basket: `items` name each book once, all in `currency`; `promotions` are the active ones whose coupon,
    if they need one, was entered. Copies of paper cost `shipping_fee` together, files nothing.
    """
    tried = sorted(promotions, key=_rank)
    eligible = [promotion for promotion in tried if obstacle(promotion, items, currency) is None]
    best = _best(items, eligible)
    amounts = dict(zip((member.id for member in best.members), rounded_parts(best.taken), strict=True))
    physical = any(not item.digital for item in items)
    return PricedBasket(
        lines=_lines(items, best.copies, sum(amounts.values()), currency),
        outcomes=outcomes(tried, items, best.members, amounts, currency),
        subtotal=total((item.unit_price * item.quantity for item in items), currency),
        discount=Money(minor=sum(amounts.values()), currency=currency),
        shipping=shipping_fee if physical else Money.zero(currency),
    )


def _rank(promotion: Promotion) -> tuple[int, str]:
    return -promotion.terms.priority, promotion.id


def _trial(promotion: Promotion) -> tuple[bool, int, str]:
    terms = promotion.terms
    limited = isinstance(terms.benefit, Percentage) and bool(terms.condition.categories)
    return not limited, *_rank(promotion)


def _best(items: Sequence[Item], eligible: Sequence[Promotion]) -> _Combination:
    """The combination that takes off most; `eligible` in falling priority."""
    together = [promotion for promotion in eligible if not promotion.terms.exclusive]
    alone = [[promotion] for promotion in eligible if promotion.terms.exclusive]
    groups = [promotion for promotion in together if isinstance(promotion.terms.benefit, BuyXGetY)]
    shared = [together] if len(groups) < 2 else [together, *(_with_only(group, together) for group in groups)]
    lawful = sorted((plan for plan in [*shared, *alone] if plan), key=lambda plan: _rank(plan[0]))
    tried = [_combined(items, sorted(plan, key=_trial)) for plan in lawful]
    best = max(tried, key=lambda combination: sum(combination.taken), default=None)
    return best if best is not None and any(best.taken) else _combined(items, sorted(together, key=_trial))


def _with_only(group: Promotion, together: Sequence[Promotion]) -> list[Promotion]:
    return [member for member in together if member is group or not isinstance(member.terms.benefit, BuyXGetY)]


def _combined(items: Sequence[Item], members: Sequence[Promotion]) -> _Combination:
    copies = [Copies(item=item, count=item.quantity, left=Fraction(item.unit_price.minor)) for item in items]
    taken, groups = [], list[Promotion]()
    for member in members:
        copies, off = _applied(member, copies, groups)
        taken.append(off)
        if isinstance(member.terms.benefit, BuyXGetY):
            groups.append(member)
    return _Combination(members=tuple(members), taken=tuple(taken), copies=tuple(copies))


def _applied(
    member: Promotion, copies: Sequence[Copies], earlier_groups: Sequence[Promotion]
) -> tuple[list[Copies], Fraction]:
    """What one member makes of the copies; those in the categories of earlier groups count for these."""
    benefit, cap = member.terms.benefit, member.terms.max_discount
    if isinstance(benefit, Percentage):
        return percentage(benefit, copies, lambda item: item.belongs_to(member), cap)
    counting = frozenset(
        pile.item.book
        for pile in copies
        if pile.item.belongs_to(member) and not any(pile.item.belongs_to(earlier) for earlier in earlier_groups)
    )
    return buy_x_get_y(benefit, copies, lambda item: item.book in counting, cap)


def _lines(items: Sequence[Item], copies: Iterable[Copies], discount: int, currency: str) -> tuple[PricedLine, ...]:
    piles = sorted(copies, key=lambda pile: (pile.item.book, pile.left))
    shares = share_out(discount, [(pile.count, pile.off) for pile in piles])
    units: dict[str, dict[int, int]] = {}
    for pile, parts in zip(piles, shares, strict=True):
        of_book = units.setdefault(pile.item.book, {})
        for count, off in parts:
            of_book[off] = of_book.get(off, 0) + count
    return tuple(
        PricedLine(
            item=item,
            unit_discounts=tuple(
                UnitDiscount(quantity=count, discount=Money(minor=off, currency=currency))
                for off, count in sorted(units[item.book].items())
            ),
        )
        for item in items
    )
