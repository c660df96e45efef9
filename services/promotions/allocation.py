"""Whole amounts from exact ones."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final

_HALF: Final = Fraction(1, 2)


def rounded(amount: Fraction) -> int:
    """The nearest whole number, a half upwards: unlike half to even this commutes with adding whole numbers, so that
    a cap of whole units stays one."""
    return math.floor(amount + _HALF)


def rounded_parts(parts: Iterable[Fraction]) -> list[int]:
    """Non-negative whole numbers that sum to the rounded sum of `parts`, each less than one away from its part."""
    whole, so_far, sum_so_far = [], 0, Fraction(0)
    for part in parts:
        sum_so_far += part
        whole.append(rounded(sum_so_far) - so_far)
        so_far += whole[-1]
    return whole


def share_out(amount: int, exact: Sequence[tuple[int, Fraction]]) -> list[list[tuple[int, int]]]:
    """Shares `amount` out over piles of (count, exact share of each), whose rounded sum it is.

    Answers each pile as (count, whole share of each), the smaller share first. Every share is the exact one rounded
    down or up; up goes to the largest fractions, earlier piles first (Hamilton's method).
    """
    down = [math.floor(share) for _, share in exact]
    over = amount - sum(count * share for (count, _), share in zip(exact, down, strict=True))
    up = [0] * len(exact)
    for index in sorted(range(len(exact)), key=lambda i: (down[i] - exact[i][1], i)):
        up[index] = min(over, exact[index][0]) if exact[index][1] != down[index] else 0
        over -= up[index]
    if over:
        raise ValueError("the amount is not the rounded sum of the shares")
    return [
        [(number, value) for number, value in ((count - more, share), (more, share + 1)) if number]
        for (count, _), share, more in zip(exact, down, up, strict=True)
    ]
