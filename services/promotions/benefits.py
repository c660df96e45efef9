"""What single promotions do to the prices of copies, in exact fractions of the smallest unit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Final

from chassis.kernel import Money
from services.promotions.basket import Item
from services.promotions.promotion import BuyXGetY, Percentage

NOTHING: Final = Fraction(0)
Counts = Callable[[Item], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """`count` equal copies of a book, with what is left of the price of each."""

    item: Item
    count: int
    left: Fraction

    @property
    def off(self) -> Fraction:
        """What each of them gets off so far."""
        return self.item.unit_price.minor - self.left


def percentage(
    benefit: Percentage, copies: Sequence[Copies], counts: Counts, cap: Money | None
) -> tuple[list[Copies], Fraction]:
    """Takes the share of what is left, at most `cap`; the copies afterwards and what was taken."""
    whole = sum((pile.left * pile.count for pile in copies if counts(pile.item)), NOTHING)
    if not whole:
        return list(copies), NOTHING
    taken = _capped(whole * benefit.percent / 100, cap)
    kept = 1 - taken / whole
    return [replace(pile, left=pile.left * kept) if counts(pile.item) else pile for pile in copies], taken


def buy_x_get_y(
    benefit: BuyXGetY, copies: Sequence[Copies], counts: Counts, cap: Money | None
) -> tuple[list[Copies], Fraction]:
    """Frees the cheapest of each full group, at most `cap` in all; the copies afterwards and what was taken."""
    counted = sorted((pile for pile in copies if counts(pile.item)), key=lambda pile: (-pile.left, pile.item.book))
    in_groups = sum(pile.count for pile in counted) // benefit.group * benefit.group
    free = [0] * len(counted)
    position = 0
    for index, pile in enumerate(counted):
        end = min(position + pile.count, in_groups)
        free[index] = _free_before(benefit, end) - _free_before(benefit, position) if end > position else 0
        position += pile.count
    worth = sum((pile.left * number for pile, number in zip(counted, free, strict=True)), NOTHING)
    if not worth:
        return list(copies), NOTHING
    taken = _capped(worth, cap)
    kept = 1 - taken / worth
    after = [pile for pile in copies if not counts(pile.item)]
    for pile, number in zip(counted, free, strict=True):
        if number < pile.count:
            after.append(replace(pile, count=pile.count - number))
        if number:
            after.append(replace(pile, count=number, left=pile.left * kept))
    return after, taken


def _free_before(benefit: BuyXGetY, position: int) -> int:
    """How many of the first `position` copies, sorted by falling price, are free."""
    groups, rest = divmod(position, benefit.group)
    return groups * benefit.free + max(0, rest - benefit.buy)


def _capped(amount: Fraction, cap: Money | None) -> Fraction:
    return amount if cap is None else min(amount, Fraction(cap.minor))
