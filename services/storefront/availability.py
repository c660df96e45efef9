"""What a page and the status say, given what the services responded."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final


class Availability(Enum):
    """Whether a book can be had."""

    UNKNOWN = "UNSPECIFIED"
    AVAILABLE = "AVAILABLE"
    OUT_OF_STOCK = "OUT_OF_STOCK"
    PREORDER = "PREORDER"


def availability(*, digital: bool, published: bool, copies: int | None) -> Availability:
    """Whether a book can be had.

    `copies` that can be sold; None when nobody could say, which does not matter for a digital book.
    """
    if not digital and copies is None:
        return Availability.UNKNOWN
    if not digital and copies == 0:
        return Availability.OUT_OF_STOCK
    return Availability.AVAILABLE if published else Availability.PREORDER


def takes_part(book_categories: frozenset[str], promoted_categories: frozenset[str]) -> bool:
    """Whether a book can take part in a promotion for some categories; for none means for all. Case does not matter."""
    if not promoted_categories:
        return True
    folded = {category.casefold() for category in promoted_categories}
    return any(category.casefold() in folded for category in book_categories)


REQUIRED: Final = frozenset({"identity", "catalog", "inventory", "carts", "promotions", "orders", "payments"})
"""The services a purchase passes through: identity signs the tokens that every order needs; orders prices the cart
(carts, promotions and, for the prices, catalog), reserves stock and takes the payment. Mails wait, and shop windows
have no part in it.
"""


class State(Enum):
    """Health of one service or of the shop, as `bookstore.ops.v1.Status.State` defines it."""

    SERVING = "SERVING"
    NOT_SERVING = "NOT_SERVING"
    UNKNOWN = "UNKNOWN"
    DEGRADED = "DEGRADED"


def service_state(*, serving: bool, unavailable: tuple[str, ...]) -> State:
    """State of a service that responds and reports what it cannot reach."""
    if not serving:
        return State.NOT_SERVING
    return State.DEGRADED if unavailable else State.SERVING


def shop_state(services: Mapping[str, State]) -> State:
    """State of the shop, given that of each service by name."""
    down = {name for name, state in services.items() if state in (State.NOT_SERVING, State.UNKNOWN)}
    if down & REQUIRED:
        return State.NOT_SERVING
    return State.SERVING if all(state is State.SERVING for state in services.values()) else State.DEGRADED
