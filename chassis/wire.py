"""Between protobuf's well-known types and the kernel's values."""

from __future__ import annotations

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp
from google.type.money_pb2 import Money as MoneyMessage

from chassis.kernel import Money
from chassis.kernel.money import MINOR_DIGITS
from chassis.v1.platform_errors import CurrencyUnknown

_NANO_DIGITS = 9


def money_message(money: Money) -> MoneyMessage:
    """Returns a google.type.Money of the same amount."""
    return money_of(money.minor, money.currency)


def money_of(minor: int, currency: str) -> MoneyMessage:
    """Returns a google.type.Money of an amount in minor units of the currency."""
    scale = 10 ** MINOR_DIGITS[currency]
    units, rest = divmod(abs(minor), scale)
    sign = -1 if minor < 0 else 1
    nanos = rest * 10**_NANO_DIGITS // scale
    return MoneyMessage(currency_code=currency, units=sign * units, nanos=sign * nanos)


def money_from(message: MoneyMessage, *, field: str = "") -> Money:
    """The amount in minor units; `field` is the path of the message in its request.

    Raises CurrencyUnknown, naming the field to mend, when the code is not accepted or the amount is finer than the
    currency's smallest unit.
    """
    path = f"{field}." if field else ""
    digits = MINOR_DIGITS.get(message.currency_code)
    if digits is None:
        raise CurrencyUnknown(
            detail=f"{message.currency_code!r} is not an accepted ISO 4217 currency code",
            field=f"{path}currency_code",
        )
    minor, finer = divmod(message.nanos, 10 ** (_NANO_DIGITS - digits))
    if finer:
        raise CurrencyUnknown(
            detail=f"nanos is too fine: {message.currency_code} has {digits} digits after the point",
            field=f"{path}nanos",
        )
    return Money(minor=message.units * 10**digits + minor, currency=message.currency_code)


def timestamp(moment: datetime) -> Timestamp:
    """A google.protobuf.Timestamp of an aware moment."""
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def moment(message: Timestamp) -> datetime:
    """The moment, with time zone UTC."""
    return message.ToDatetime(tzinfo=UTC)
