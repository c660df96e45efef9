"""Puts promotions together."""

from __future__ import annotations

from bookstore.promotions.v1.promotions_service_pb2_grpc import add_PromotionServiceServicer_to_server

from chassis.service import Runtime, Service, Servicer
from services.promotions.api import PromotionsApi
from services.promotions.coupons import Coupons
from services.promotions.edit_promotion import EditPromotion
from services.promotions.price_basket import BasketPricing
from services.promotions.queries import PromotionQueries
from services.promotions.remotes import GrpcCatalog
from services.promotions.settings import PromotionsSettings


def build(runtime: Runtime) -> Service:
    """The promotions service."""
    settings = runtime.settings(PromotionsSettings)
    quoting = BasketPricing(
        runtime.database,
        clock=runtime.clock,
        catalog=GrpcCatalog(runtime.channel("catalog")),
        currency=settings.currency,
        shipping_fee_minor=settings.shipping_fee_minor,
    )
    answers, clock, outbox = runtime.answers, runtime.clock, runtime.outbox
    api = PromotionsApi(
        queries=PromotionQueries(runtime.database, clock),
        edit_promotion=EditPromotion(answers=answers, clock=clock, ids=runtime.ids, outbox=outbox),
        quoting=quoting,
        coupons=Coupons(answers=answers, clock=clock, outbox=outbox),
        clock=clock,
    )
    return Service(name="promotions", servicers=(Servicer(add_PromotionServiceServicer_to_server, api),))
