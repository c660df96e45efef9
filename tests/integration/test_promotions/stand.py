"""Requests that many tests make, and what was published."""

from __future__ import annotations

from bookstore.promotions.v1.promotion_pb2 import BuyXGetY, Percentage, Promotion
from bookstore.promotions.v1.promotions_service_pb2 import (
    BasketLine,
    CreatePromotionRequest,
    PriceBasketRequest,
)
from bookstore.promotions.v1.promotions_service_pb2_grpc import PromotionServiceStub
from bookstore.promotions.v1.quote_pb2 import Quote
from sqlalchemy import select

from chassis.schema import OUTBOX
from chassis.testing import Served

THREE_FOR_TWO = BuyXGetY(buy_quantity=2, free_quantity=1)
TENTH = Percentage(percent_off=10)


def create(stub: PromotionServiceStub, promotion: Promotion, id: str = "", request_id: str = "") -> Promotion:  # noqa: A002
    return stub.CreatePromotion(CreatePromotionRequest(promotion=promotion, promotion_id=id, request_id=request_id))


def priced(stub: PromotionServiceStub, *coupons: str, **copies: int) -> Quote:
    lines = [BasketLine(book=f"books/{name}", quantity=quantity) for name, quantity in copies.items()]
    return stub.PriceBasket(PriceBasketRequest(lines=lines, coupons=coupons))


def published(served: Served) -> list[str]:
    rows = served.runtime.database.read(
        lambda connection: connection.execute(select(OUTBOX.c.subject).order_by(OUTBOX.c.id)).scalars().all()
    )
    return [subject.rsplit(".", 1)[1] for subject in rows]
