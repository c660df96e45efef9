"""The quote of a basket as the contract has it."""

from __future__ import annotations

from typing import Final

from bookstore.promotions.v1 import quote_pb2

from chassis.kernel import Money
from chassis.wire import money_message
from services.promotions.basket import Outcome, PricedLine, Reason
from services.promotions.price_basket import BasketQuote, CouponOutcome, CouponState

_REASONS: Final = {reason: quote_pb2.PromotionOutcome.Reason.Value(f"REASON_{reason}") for reason in Reason}
_COUPON_STATES: Final = {state: quote_pb2.CouponOutcome.State.Value(f"STATE_{state}") for state in CouponState}


def quote_message(quote: BasketQuote) -> quote_pb2.Quote:
    """The quote as the contract has it."""
    basket = quote.basket
    return quote_pb2.Quote(
        lines=[_line_message(line) for line in basket.lines],
        promotions=[_outcome_message(outcome) for outcome in basket.outcomes],
        coupons=[_coupon_message(outcome) for outcome in quote.coupons],
        subtotal=money_message(basket.subtotal),
        discount_total=money_message(basket.discount),
        shipping_total=money_message(basket.shipping),
        tax_total=money_message(Money.zero(basket.total.currency)),
        total=money_message(basket.total),
        missing_books=quote.missing_books,
    )


def _line_message(line: PricedLine) -> quote_pb2.QuoteLine:
    item = line.item
    return quote_pb2.QuoteLine(
        book=item.book,
        title=item.title,
        digital=item.digital,
        quantity=item.quantity,
        unit_price=money_message(item.unit_price),
        discount=money_message(line.discount),
        total=money_message(line.subtotal - line.discount),
        unit_discounts=[
            quote_pb2.UnitDiscount(quantity=unit.quantity, discount=money_message(unit.discount))
            for unit in line.unit_discounts
        ],
    )


def _outcome_message(outcome: Outcome) -> quote_pb2.PromotionOutcome:
    return quote_pb2.PromotionOutcome(
        promotion=outcome.promotion.name,
        title=outcome.promotion.terms.title,
        applied=outcome.reason is Reason.APPLIED,
        amount=money_message(outcome.amount),
        reason=_REASONS[outcome.reason],
        message=outcome.message,
    )


def _coupon_message(outcome: CouponOutcome) -> quote_pb2.CouponOutcome:
    return quote_pb2.CouponOutcome(
        coupon=outcome.coupon,
        state=_COUPON_STATES[outcome.state],
        promotion=outcome.promotion.name if outcome.promotion else "",
    )
