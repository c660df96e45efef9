"""A basket as the catalog prices it, and what pricing makes of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from chassis.kernel import Money, total
from services.promotions.promotion import Promotion


class Reason(StrEnum):
    """Why a promotion did or did not apply; the names are the contract's."""

    APPLIED = "APPLIED"
    NOT_ENOUGH_COPIES = "NOT_ENOUGH_COPIES"
    NO_MATCHING_BOOK = "NO_MATCHING_BOOK"
    SUBTOTAL_TOO_LOW = "SUBTOTAL_TOO_LOW"
    EXCLUDED = "EXCLUDED"
    OTHER_CURRENCY = "OTHER_CURRENCY"
    NOTHING_LEFT = "NOTHING_LEFT"
    COUPON_EXHAUSTED = "COUPON_EXHAUSTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Copies of one book (`books/…`) at the catalog's price for one, tax included, zero or more."""

    book: str
    title: str
    digital: bool
    categories: frozenset[str]
    unit_price: Money
    quantity: int

    def belongs_to(self, promotion: Promotion) -> bool:
        """Whether its copies count for the promotion."""
        wanted = promotion.terms.condition.categories
        return not wanted or not folded(wanted).isdisjoint(self.categories)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitDiscount:
    """`quantity` copies of a line that get `discount` off each."""

    quantity: int
    discount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedLine:
    """An item with what its copies get off, smallest first; a refund of single copies goes by this order."""

    item: Item
    unit_discounts: tuple[UnitDiscount, ...]

    @property
    def subtotal(self) -> Money:
        """Price before discounts."""
        return self.item.unit_price * self.item.quantity

    @property
    def discount(self) -> Money:
        """What is off."""
        return total((unit.discount * unit.quantity for unit in self.unit_discounts), self.item.unit_price.currency)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a promotion: the amount it takes off and why."""

    promotion: Promotion
    amount: Money
    reason: Reason
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedBasket:
    """What a basket costs, and why."""

    lines: tuple[PricedLine, ...]
    outcomes: tuple[Outcome, ...]
    subtotal: Money
    discount: Money
    shipping: Money

    @property
    def total(self) -> Money:
        """What the buyer pays. Tax is in the prices."""
        return self.subtotal - self.discount + self.shipping


def folded(categories: Iterable[str]) -> frozenset[str]:
    """Categories as they are compared: without regard to case."""
    return frozenset(category.casefold() for category in categories)
