"""What a page says, given what the services answered."""

from __future__ import annotations

from enum import Enum


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
