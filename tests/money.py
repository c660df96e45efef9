"""Amounts as the contract has them; computed here, so that the mapping of the chassis is tested and not used."""

from __future__ import annotations

from google.type.money_pb2 import Money

_NANOS = 10_000_000  # of a hundredth


def euros(cents: int, *, currency: str = "EUR") -> Money:
    """An amount of so many cents, not negative."""
    return Money(currency_code=currency, units=cents // 100, nanos=cents % 100 * _NANOS)


def cents(money: Money) -> int:
    """An amount in a currency with cents, as their number."""
    return money.units * 100 + money.nanos // _NANOS
