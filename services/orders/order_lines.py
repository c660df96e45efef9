"""The lines of an order, and what single copies of them cost.

A discount is shared out over the copies of a line by the quote. Refunds go down that list from its beginning, so that
refunds in any order and of any size sum to what was charged, to the minor unit.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from bookstore.orders.v1.orders_errors import RefundExceedsOrder

from chassis.kernel import Money


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitDiscount:
    """`quantity` copies of a line get `discount` off each."""

    quantity: int
    discount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Copies:
    """Copies of one book and what they cost together, after discounts."""

    book: str
    title: str
    digital: bool
    quantity: int
    unit_price: Money
    amount: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderLine:
    """Copies of one book as they were priced; `unit_discounts` cover all of them, smallest first.

    Raises ValueError when they do not.
    """

    book: str
    title: str
    digital: bool
    quantity: int
    unit_price: Money
    unit_discounts: tuple[UnitDiscount, ...]
    refunded_quantity: int = 0

    def __post_init__(self) -> None:
        if sum(group.quantity for group in self.unit_discounts) != self.quantity:
            raise ValueError(f"the unit discounts of {self.book} do not cover its {self.quantity} copies")
        if not 0 <= self.refunded_quantity <= self.quantity:
            raise ValueError(f"{self.refunded_quantity} of {self.quantity} copies of {self.book} paid back")

    @property
    def discount(self) -> Money:
        """What was taken off the line."""
        nothing = Money.zero(self.unit_price.currency)
        return sum((group.discount * group.quantity for group in self.unit_discounts), start=nothing)

    @property
    def total(self) -> Money:
        """What the line cost."""
        return self.unit_price * self.quantity - self.discount

    @property
    def left(self) -> int:
        """Copies that are not paid back."""
        return self.quantity - self.refunded_quantity

    @property
    def refunded_amount(self) -> Money:
        """What was paid back for the line."""
        return self._cost_of_first(self.refunded_quantity)

    @property
    def copies(self) -> Copies:
        """All copies of the line."""
        return self._copies(self.quantity, self.total)

    @property
    def remaining(self) -> Copies:
        """The copies that are not paid back."""
        return self._copies(self.left, self.total - self.refunded_amount)

    def refund(self, quantity: int) -> tuple[OrderLine, Copies]:
        """The line with `quantity` more copies paid back, and what they cost. Raises RefundExceedsOrder."""
        if quantity > self.left:
            raise RefundExceedsOrder(book=self.book, left=self.left)
        after = replace(self, refunded_quantity=self.refunded_quantity + quantity)
        return after, self._copies(quantity, after.refunded_amount - self.refunded_amount)

    def _cost_of_first(self, count: int) -> Money:
        cost = self.unit_price * count
        for group in self.unit_discounts:
            taken = min(count, group.quantity)
            cost, count = cost - group.discount * taken, count - taken
        return cost

    def _copies(self, quantity: int, amount: Money) -> Copies:
        return Copies(
            book=self.book,
            title=self.title,
            digital=self.digital,
            quantity=quantity,
            unit_price=self.unit_price,
            amount=amount,
        )
