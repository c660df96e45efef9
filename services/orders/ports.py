"""What orders needs of other services, as ports. `clients` speaks gRPC behind them; tests put fakes there.

Every step is keyed by the order: a repeat is harmless and answers as the first one did. A compensation is accepted for
a step that never arrived and makes that step be refused when it arrives late.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from chassis.kernel import Money
from services.orders.order import Order
from services.orders.order_lines import Copies, OrderLine


class StepRefused(Exception):
    """The step was refused for good; `reason` is a reject_reason. It has no effect and will have none."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class StepUnfinished(Exception):
    """The step has begun elsewhere and has not ended; to be asked again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Basket:
    """A cart as it is now: `cart` is its real name, never `carts/me`; books with their quantities; coupon codes.

    `etag` changes with every edit. `priced` is what it costs now, if it came with its price.
    """

    cart: str
    books: tuple[tuple[str, int], ...]
    coupons: tuple[str, ...]
    etag: str = ""
    priced: PricedBasket | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedBasket:
    """What a basket costs: the lines, the coupons whose promotions applied, and the quote as it was sent.

    `extras` is what comes on top of the lines: shipping and tax. Raises ValueError when the parts do not sum to total.
    """

    lines: tuple[OrderLine, ...]
    coupons: tuple[str, ...]
    missing_books: tuple[str, ...]
    extras: Money
    total: Money
    quote: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if sum((line.total for line in self.lines), start=self.extras) != self.total:
            raise ValueError("the quote does not add up")


class Carts(Protocol):
    """Knows the carts."""

    def basket(self, cart: str) -> Basket:
        """The cart, read on behalf of the current caller. Raises CartNotFound, DependencyUnavailable."""
        ...


class Prices(Protocol):
    """Knows what books cost."""

    def price(self, basket: Basket) -> PricedBasket:
        """What the basket costs now. Raises DependencyUnavailable."""
        ...


class Stock(Protocol):
    """Keeps the copies. Every method may raise ServiceError, when it is not known what happened."""

    def reserve(self, order: Order) -> None:
        """Sets the printed copies aside. Raises StepRefused."""
        ...

    def commit(self, order: Order) -> None:
        """Takes the copies that were set aside."""
        ...

    def release(self, order: Order, copies: Sequence[Copies] | None, *, key: str) -> None:
        """Gives copies back, all of them when None is given; `key` tells releases apart."""
        ...


class Coupons(Protocol):
    """Counts the uses of coupons. Every method may raise ServiceError, when it is not known what happened."""

    def redeem(self, order: Order, coupon: str) -> None:
        """Counts a use. Raises StepRefused."""
        ...

    def release(self, order: Order, coupon: str) -> None:
        """Takes the use back."""
        ...


class Payments(Protocol):
    """Moves the money. Every method may raise ServiceError or StepUnfinished, when it is not known what happened."""

    def authorize(self, order: Order) -> None:
        """Has the total held. Raises StepRefused."""
        ...

    def capture(self, order: Order) -> None:
        """Charges the total."""
        ...

    def void(self, order: Order) -> bool:
        """Gives the hold up; False when the buyer is charged already and must be paid back instead."""
        ...

    def refund(self, order: Order, amount: Money, *, key: str) -> None:
        """Pays back; `key` tells refunds apart."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteServices:
    """All of them."""

    carts: Carts
    prices: Prices
    stock: Stock
    coupons: Coupons
    payments: Payments
