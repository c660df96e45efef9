"""The texts of the mails: plain text, English."""

from __future__ import annotations

from string import Template
from typing import Final

from chassis.kernel import total
from services.notifications.notification import BoughtCopies, Kind, Notification, Purchase

_ORDER_CONFIRMED: Final = Template("""\
Hello $name,

thank you for your order. It is confirmed, and we are getting it ready.

Order: $order

$lines

Total: $total

Your bookstore
""")
_TEMPLATES: Final = {Kind.ORDER_CONFIRMED: _ORDER_CONFIRMED}


def body(notification: Notification, display_name: str) -> str:
    """The text of a mail to somebody of that name."""
    purchase = notification.purchase
    return _TEMPLATES[notification.kind].substitute(
        name=_one_line(display_name) or "reader",
        order=purchase.order,
        lines="\n".join([*map(_line, purchase.copies), *_extra(purchase)]),
        total=purchase.total,
    )


def _line(copies: BoughtCopies) -> str:
    regular = copies.unit_price * copies.quantity
    price = f"{copies.total}" if copies.total == regular else f"{copies.total} instead of {regular}"
    return f"  {copies.quantity} x {_one_line(copies.title)}: {price}"


def _extra(purchase: Purchase) -> list[str]:
    rest = purchase.total - total((copies.total for copies in purchase.copies), purchase.total.currency)
    return [f"  Shipping: {rest}"] if rest else []


def _one_line(text: str) -> str:
    """The text without line breaks and control characters, which would let a title or a name add lines of its own."""
    return " ".join("".join(character if character.isprintable() else " " for character in text).split())
