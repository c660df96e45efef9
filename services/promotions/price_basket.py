"""What a basket costs now: books from the catalog, promotions from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bookstore.promotions.v1.promotions_errors import BookNotFound, CurrencyMismatch

from chassis.database import Database
from chassis.kernel import Clock, Money
from services.promotions import store
from services.promotions.basket import Item, PricedBasket
from services.promotions.pricing import price_basket
from services.promotions.promotion import Promotion, Stage
from services.promotions.remotes import Catalog


class CouponState(StrEnum):
    """What a coupon is good for; the names are the contract's."""

    ACCEPTED = "ACCEPTED"
    UNKNOWN = "UNKNOWN"
    SCHEDULED = "SCHEDULED"
    ENDED = "ENDED"
    EXHAUSTED = "EXHAUSTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponOutcome:
    """What became of a coupon (in capitals) that was sent, and the promotion it opens."""

    coupon: str
    state: CouponState
    promotion: Promotion | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BasketQuote:
    """A priced basket, its coupons, and the books that are not in the catalog."""

    basket: PricedBasket
    coupons: tuple[CouponOutcome, ...]
    missing_books: tuple[str, ...]


class BasketPricing:
    """Prices baskets: one statement and one call to the catalog each."""

    def __init__(
        self, database: Database, *, clock: Clock, catalog: Catalog, currency: str, shipping_fee_minor: int
    ) -> None:
        self._database = database
        self._clock = clock
        self._catalog = catalog
        self._currency = currency
        self._shipping_fee_minor = shipping_fee_minor

    def quote(
        self, quantities: Mapping[str, int], coupons: Sequence[str], *, allow_missing: bool = False
    ) -> BasketQuote:
        """Prices the copies of each book (`books/…`) with the coupons (in capitals).

        Raises BookNotFound for the first book that is not in the catalog unless such are allowed, CurrencyMismatch.
        """
        now = self._clock.now()
        offered = self._database.read(lambda connection: store.promotions_for_basket(connection, coupons, now))
        found = self._catalog.items(quantities)
        missing = tuple(book for book in quantities if book not in found)
        if missing and not allow_missing:
            raise BookNotFound(book=missing[0])
        items = [found[book] for book in quantities if book in found]
        currency = _currency_of(items) or self._currency
        basket = price_basket(
            items,
            [promotion for promotion in offered if promotion.stage(now) is Stage.ACTIVE],
            currency=currency,
            shipping_fee=Money(minor=self._shipping_fee_minor, currency=currency),
        )
        by_code = {promotion.terms.coupon_code: promotion for promotion in offered}
        outcomes = tuple(
            CouponOutcome(coupon=coupon, state=_state(by_code.get(coupon), now), promotion=by_code.get(coupon))
            for coupon in coupons
        )
        return BasketQuote(basket=basket, coupons=outcomes, missing_books=missing)


def _currency_of(items: Sequence[Item]) -> str | None:
    currencies = [item.unit_price.currency for item in items]
    for item in items:
        if item.unit_price.currency != currencies[0]:
            raise CurrencyMismatch(book=item.book, currency=item.unit_price.currency, other=currencies[0])
    return currencies[0] if currencies else None


def _state(promotion: Promotion | None, now: datetime) -> CouponState:
    if promotion is None:
        return CouponState.UNKNOWN
    stage = promotion.stage(now)
    if stage is not Stage.ACTIVE:
        return CouponState(stage.value)
    return CouponState.EXHAUSTED if promotion.exhausted else CouponState.ACCEPTED
