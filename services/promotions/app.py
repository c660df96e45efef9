"""Puts promotions together."""

from __future__ import annotations

from bookstore.promotions.v1.promotions_service_pb2_grpc import add_PromotionServiceServicer_to_server

from chassis.service import Runtime, Service, Servicer
from services.promotions.api import PromotionsApi
from services.promotions.clients import GrpcCatalog
from services.promotions.keeping import Keeping
from services.promotions.quoting import Quoting
from services.promotions.redeeming import Redeeming
from services.promotions.settings import PromotionsSettings


def build(runtime: Runtime) -> Service:
    """The promotions service."""
    settings = runtime.settings(PromotionsSettings)
    quoting = Quoting(
        runtime.database,
        clock=runtime.clock,
        catalog=GrpcCatalog(runtime.channel("catalog")),
        currency=settings.currency,
        shipping_fee_minor=settings.shipping_fee_minor,
    )
    api = PromotionsApi(
        keeping=Keeping(runtime.database, clock=runtime.clock, ids=runtime.ids, outbox=runtime.outbox),
        quoting=quoting,
        redeeming=Redeeming(clock=runtime.clock, outbox=runtime.outbox),
        answers=runtime.answers,
        clock=runtime.clock,
    )
    return Service(name="promotions", servicers=(Servicer(add_PromotionServiceServicer_to_server, api),))
