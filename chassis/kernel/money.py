"""Exact amounts of money."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import total_ordering
from typing import Final

from chassis.v1.platform_errors import MixedCurrencies

MINOR_DIGITS: Final = {
    "AUD": 2, "BRL": 2, "CAD": 2, "CHF": 2, "CNY": 2, "CZK": 2, "DKK": 2, "EUR": 2, "GBP": 2, "HUF": 2, "INR": 2,
    "JPY": 0, "KRW": 0, "KWD": 3, "MXN": 2, "NOK": 2, "NZD": 2, "PLN": 2, "RON": 2, "SEK": 2, "TND": 3, "TRY": 2,
    "USD": 2, "ZAR": 2,
}  # fmt: skip
"""Digits after the decimal point of each accepted currency (ISO 4217, list one)."""


@total_ordering
@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """An amount in minor units (cents for EUR) of one currency (ISO 4217 code). May be negative."""

    minor: int
    currency: str

    @staticmethod
    def zero(currency: str) -> Money:
        """Nothing, in the given currency."""
        return Money(minor=0, currency=currency)

    def _same(self, other: Money) -> int:
        if other.currency != self.currency:
            raise MixedCurrencies(expected=self.currency, given=other.currency)
        return other.minor

    def __add__(self, other: Money) -> Money:
        return Money(minor=self.minor + self._same(other), currency=self.currency)

    def __sub__(self, other: Money) -> Money:
        return Money(minor=self.minor - self._same(other), currency=self.currency)

    def __mul__(self, factor: int) -> Money:
        return Money(minor=self.minor * factor, currency=self.currency)

    def __neg__(self) -> Money:
        return Money(minor=-self.minor, currency=self.currency)

    def __lt__(self, other: Money) -> bool:
        return self.minor < self._same(other)

    def __bool__(self) -> bool:
        return self.minor != 0

    def allocate(self, weights: Sequence[int]) -> list[Money]:
        """Splits the amount in proportion to non-negative `weights`; the parts sum to it exactly.

        What rounding leaves over goes one minor unit at a time to the largest remainders, earlier parts first
        (Hamilton's method). All weights zero counts as all equal. Raises ValueError without weights or with a
        negative one.
        """
        if not weights or min(weights) < 0:
            raise ValueError("allocate needs at least one weight and no negative one")
        shares = list(weights) if any(weights) else [1] * len(weights)
        whole, sign = sum(shares), -1 if self.minor < 0 else 1
        amount = abs(self.minor)
        parts = [amount * share // whole for share in shares]
        by_remainder = sorted(range(len(shares)), key=lambda i: (-(amount * shares[i] % whole), i))
        for i in by_remainder[: amount - sum(parts)]:
            parts[i] += 1
        return [Money(minor=sign * part, currency=self.currency) for part in parts]

    def __str__(self) -> str:
        digits = MINOR_DIGITS.get(self.currency, 2)
        sign = "-" if self.minor < 0 else ""
        units, fraction = divmod(abs(self.minor), 10**digits)
        return f"{sign}{units}.{fraction:0{digits}d} {self.currency}" if digits else f"{sign}{units} {self.currency}"


def total(amounts: Iterable[Money], currency: str) -> Money:
    """The sum of `amounts`, zero `currency` when there are none. Raises MixedCurrencies."""
    return sum(amounts, start=Money.zero(currency))
