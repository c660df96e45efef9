"""Puts carts together."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bookstore.carts.v1.carts_service_pb2_grpc import add_CartServiceServicer_to_server

from chassis.service import Runtime, Service, Servicer
from chassis.worker import Worker
from services.carts.api import CartsApi
from services.carts.edit_cart import EditCart
from services.carts.events import OrderConfirmedHandler
from services.carts.expire_carts import ExpireCarts
from services.carts.queries import CartQueries
from services.carts.remotes import GrpcCatalog, GrpcPrices
from services.carts.settings import CartsSettings

_SWEEP_EVERY: Final = timedelta(minutes=10)


def build(runtime: Runtime) -> Service:
    """The carts service."""
    settings = runtime.settings(CartsSettings)
    prices = GrpcPrices(runtime.channel("promotions"))
    edit_cart = EditCart(
        runtime.database,
        clock=runtime.clock,
        ids=runtime.ids,
        answers=runtime.answers,
        prices=prices,
        catalog=GrpcCatalog(runtime.channel("catalog")),
        guest_lifetime=settings.guest_lifetime,
    )
    api = CartsApi(queries=CartQueries(runtime.database, clock=runtime.clock, prices=prices), edit_cart=edit_cart)
    expire_carts = ExpireCarts(runtime.database, runtime.clock)
    return Service(
        name="carts",
        servicers=(Servicer(add_CartServiceServicer_to_server, api),),
        subscriptions=(OrderConfirmedHandler(runtime.clock).subscription,),
        workers=(Worker("sweep-guest-carts", _SWEEP_EVERY, expire_carts.run),),
    )
