"""The cart as the contract has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from bookstore.carts.v1 import cart_pb2
from bookstore.promotions.v1.quote_pb2 import Quote

from chassis.kernel import etag
from chassis.wire import timestamp
from services.carts.cart import Cart, LossReason, MergeLoss, Seen

_REASONS: Final = {reason: cart_pb2.MergeLoss.Reason.Value(f"REASON_{reason}") for reason in LossReason}


def cart_message(cart: Cart, quote: Quote | None, losses: Iterable[MergeLoss] = ()) -> cart_pb2.Cart:
    """The cart with its quote, if it could be priced; unit prices come from there."""
    priced = {line.book: line for line in quote.lines} if quote else {}
    missing = frozenset(quote.missing_books) if quote else frozenset[str]()
    items = []
    for line in cart.lines:
        price = priced.get(line.book)
        items.append(
            cart_pb2.CartItem(
                book=line.book,
                title=price.title if price else line.title,
                quantity=line.quantity,
                unit_price=price.unit_price if price else None,
                missing=line.book in missing,
            )
        )
    return cart_pb2.Cart(
        name=cart.name,
        items=items,
        coupons=cart.coupons,
        quote=quote,
        etag=etag(cart.version),
        create_time=timestamp(cart.create_time) if cart.create_time else None,
        update_time=timestamp(cart.update_time) if cart.update_time else None,
        expire_time=timestamp(cart.expire_time) if cart.expire_time else None,
        merge_losses=[
            cart_pb2.MergeLoss(book=loss.book, quantity=loss.quantity, coupon=loss.coupon, reason=_REASONS[loss.reason])
            for loss in losses
        ],
    )


def seen_in(quote: Quote) -> dict[str, Seen]:
    """What a quote shows of its books."""
    return {line.book: Seen(title=line.title, currency=line.unit_price.currency_code) for line in quote.lines}
