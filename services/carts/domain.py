"""Carts: lines, coupons, their limits, and how two carts become one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from chassis.kernel import ErrorKind, ServiceError

MOST_COPIES: Final = 99
"""Copies of one book in a cart."""
MOST_LINES: Final = 100
"""Books in a cart."""
MOST_COUPONS: Final = 10
"""Coupons in a cart."""


class CartNotFound(ServiceError):
    """There is no such cart, or it is somebody else's; metadata `cart`."""

    kind = ErrorKind.NOT_FOUND
    reason = "CART_NOT_FOUND"

    def __init__(self, cart: str) -> None:
        super().__init__(f"there is no {cart}", cart=cart)


class BookNotFound(ServiceError):
    """The book is not in the catalog; metadata `book`."""

    kind = ErrorKind.NOT_FOUND
    reason = "BOOK_NOT_FOUND"

    def __init__(self, book: str) -> None:
        super().__init__(f"{book} is not in the catalog", book=book)


class ItemNotFound(ServiceError):
    """The book is not in the cart; metadata `book`."""

    kind = ErrorKind.NOT_FOUND
    reason = "ITEM_NOT_FOUND"

    def __init__(self, book: str) -> None:
        super().__init__(f"{book} is not in the cart", book=book)


class QuantityLimit(ServiceError):
    """The cart would hold too many copies of the book; metadata `book`, `limit`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "QUANTITY_LIMIT"

    def __init__(self, book: str) -> None:
        super().__init__(f"a cart holds at most {MOST_COPIES} copies of a book", book=book, limit=str(MOST_COPIES))


class CartFull(ServiceError):
    """The cart would hold too many books; metadata `limit`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "CART_FULL"

    def __init__(self) -> None:
        super().__init__(f"a cart holds at most {MOST_LINES} books", limit=str(MOST_LINES))


class CurrencyMismatch(ServiceError):
    """The book is priced in another currency than the cart; metadata `book`, `currency`, `other`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "CURRENCY_MISMATCH"

    def __init__(self, book: str, currency: str, other: str) -> None:
        super().__init__(
            f"{book} is priced in {currency}, the cart in {other}", book=book, currency=currency, other=other
        )


class CouponNotFound(ServiceError):
    """No promotion has this code; metadata `coupon`."""

    kind = ErrorKind.NOT_FOUND
    reason = "COUPON_NOT_FOUND"

    def __init__(self, coupon: str) -> None:
        super().__init__(f"there is no coupon {coupon}", coupon=coupon)


class CouponUnavailable(ServiceError):
    """The coupon is not started, over, or used up; metadata `coupon`, `state`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "COUPON_UNAVAILABLE"

    def __init__(self, coupon: str, state: str) -> None:
        super().__init__(f"the coupon {coupon} cannot be used now ({state})", coupon=coupon, state=state)


class CouponLimit(ServiceError):
    """The cart would hold too many coupons; metadata `limit`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "COUPON_LIMIT"

    def __init__(self) -> None:
        super().__init__(f"a cart holds at most {MOST_COUPONS} coupons", limit=str(MOST_COUPONS))


class CartNotMergeable(ServiceError):
    """The cart to merge is not a guest's."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "CART_NOT_MERGEABLE"

    def __init__(self) -> None:
        super().__init__("only a guest's cart can be merged into another", field="source")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What was last seen of a book in the catalog."""

    title: str
    currency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Copies of one book (`books/…`); title and currency as last seen, empty before."""

    book: str
    quantity: int
    title: str = ""
    currency: str = ""


class LossReason(StrEnum):
    """Why something did not fit into a merged cart; the names are the contract's."""

    QUANTITY_LIMIT = "QUANTITY_LIMIT"
    CART_FULL = "CART_FULL"
    COUPON_LIMIT = "COUPON_LIMIT"


@dataclass(frozen=True, slots=True, kw_only=True)
class MergeLoss:
    """Copies of a book, or a coupon, that did not fit into a merged cart."""

    reason: LossReason
    book: str = ""
    quantity: int = 0
    coupon: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cart:
    """A cart. `version` counts its changes, 0 for an own cart that was never written; `expire_time` is a guest's;
    `merged_into` is the id of the own cart a guest's was merged into, after which it is dead."""

    id: str
    guest: bool
    lines: tuple[Line, ...] = ()
    coupons: tuple[str, ...] = ()
    version: int = 0
    create_time: datetime | None = None
    update_time: datetime | None = None
    expire_time: datetime | None = None
    merged_into: str | None = None

    @property
    def name(self) -> str:
        """Resource name, `carts/{id}`."""
        return cart_name(self.id)

    @property
    def quantities(self) -> dict[str, int]:
        """Copies of each book, in the order they were added."""
        return {line.book: line.quantity for line in self.lines}

    def add(self, book: str, quantity: int) -> Cart:
        """With more copies of a book. Raises QuantityLimit, CartFull."""
        now = self.quantities.get(book, 0) + quantity
        if now > MOST_COPIES:
            raise QuantityLimit(book)
        if now > quantity:
            return self._with_quantity(book, now)
        if len(self.lines) >= MOST_LINES:
            raise CartFull
        return replace(self, lines=(*self.lines, Line(book=book, quantity=quantity)))

    def put(self, book: str, quantity: int) -> Cart:
        """With exactly that many copies of a book that is in it. Raises ItemNotFound."""
        if book not in self.quantities:
            raise ItemNotFound(book)
        return self._with_quantity(book, quantity)

    def remove(self, book: str) -> Cart:
        """Without the book."""
        return replace(self, lines=tuple(line for line in self.lines if line.book != book))

    def clear(self) -> Cart:
        """Without books and coupons."""
        return replace(self, lines=(), coupons=())

    def enter(self, coupon: str) -> Cart:
        """With a coupon (in capitals). Raises CouponLimit."""
        if coupon in self.coupons:
            return self
        if len(self.coupons) >= MOST_COUPONS:
            raise CouponLimit
        return replace(self, coupons=(*self.coupons, coupon))

    def withdraw(self, coupon: str) -> Cart:
        """Without the coupon (in capitals)."""
        return replace(self, coupons=tuple(known for known in self.coupons if known != coupon))

    def settle(self, ordered: Mapping[str, int], coupons: frozenset[str]) -> Cart:
        """Without the copies that were ordered and the coupons that were used; what was added since stays."""
        left = (replace(line, quantity=line.quantity - ordered.get(line.book, 0)) for line in self.lines)
        return replace(
            self,
            lines=tuple(line for line in left if line.quantity > 0),
            coupons=tuple(coupon for coupon in self.coupons if coupon not in coupons),
        )

    def take_in(self, other: Cart) -> tuple[Cart, tuple[MergeLoss, ...]]:
        """With the books and coupons of another cart, as far as they fit, and what did not. Its own come first."""
        merged, losses = self, []
        for line in other.lines:
            here = merged.quantities.get(line.book, 0)
            fits = min(line.quantity, MOST_COPIES - here)
            if not here and len(merged.lines) >= MOST_LINES:
                losses.append(MergeLoss(reason=LossReason.CART_FULL, book=line.book, quantity=line.quantity))
                continue
            if fits < line.quantity:
                left = line.quantity - fits
                losses.append(MergeLoss(reason=LossReason.QUANTITY_LIMIT, book=line.book, quantity=left))
            if fits:
                merged = merged.add(line.book, fits)
        for coupon in other.coupons:
            if coupon not in merged.coupons and len(merged.coupons) >= MOST_COUPONS:
                losses.append(MergeLoss(reason=LossReason.COUPON_LIMIT, coupon=coupon))
            else:
                merged = merged.enter(coupon)
        titles = {line.book: Seen(title=line.title, currency=line.currency) for line in other.lines if line.currency}
        return merged.see(titles | merged.seen), tuple(losses)

    @property
    def seen(self) -> dict[str, Seen]:
        """What was last seen of its books."""
        return {line.book: Seen(title=line.title, currency=line.currency) for line in self.lines if line.currency}

    def see(self, books: Mapping[str, Seen]) -> Cart:
        """With what was seen of some books just now."""
        return self._map(lambda line: _as_seen(line, books.get(line.book)))

    def require_one_currency(self) -> None:
        """Raises CurrencyMismatch when books were last seen with prices in different currencies."""
        known = [line for line in self.lines if line.currency]
        for line in known:
            if line.currency != known[0].currency:
                raise CurrencyMismatch(line.book, line.currency, known[0].currency)

    def holds_the_same_as(self, other: Cart) -> bool:
        """Whether books, quantities and coupons are the same."""
        return self.quantities == other.quantities and self.coupons == other.coupons

    def _with_quantity(self, book: str, quantity: int) -> Cart:
        return self._map(lambda line: replace(line, quantity=quantity) if line.book == book else line)

    def _map(self, change: Callable[[Line], Line]) -> Cart:
        return replace(self, lines=tuple(change(line) for line in self.lines))


def _as_seen(line: Line, seen: Seen | None) -> Line:
    return line if seen is None else replace(line, title=seen.title, currency=seen.currency)


def cart_name(cart_id: str) -> str:
    """The resource name of the cart with the given id."""
    return f"carts/{cart_id}"
