"""Puts the storefront together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Final

from bookstore.ops.v1.ops_service_pb2_grpc import add_StatusServiceServicer_to_server
from bookstore.storefront.v1.storefront_service_pb2_grpc import add_StorefrontServiceServicer_to_server

from chassis.channel import known_services
from chassis.contract import processes_by_service, public_contract
from chassis.reflection import Reflection
from chassis.service import Runtime, Service, Servicer
from chassis.settings import Environment
from services.storefront.api import StatusApi, StorefrontApi
from services.storefront.book_page import BookPages
from services.storefront.remotes import GrpcCatalog, GrpcHealthChecks, GrpcInventory, GrpcPromotions
from services.storefront.shop_health import ShopHealth
from services.storefront.status import ShopStatus

_QUESTIONS_AT_ONCE: Final = 32  # two optional parts for each of the process's 16 calls
_CHECKS_AT_ONCE: Final = 16  # apart from pages: services that hang must not hold those up


def build(runtime: Runtime) -> Service:
    """The storefront service."""
    pages = BookPages(
        catalog=GrpcCatalog(runtime.channel("catalog")),
        inventory=GrpcInventory(runtime.channel("inventory")),
        promotions=GrpcPromotions(runtime.channel("promotions")),
        executor=ThreadPoolExecutor(_QUESTIONS_AT_ONCE, thread_name_prefix="page"),
        clock=runtime.clock,
    )
    services = known_services()
    shop = ShopStatus(
        services,
        health=GrpcHealthChecks({service: runtime.channel(service) for service in services}),
        executor=ThreadPoolExecutor(_CHECKS_AT_ONCE, thread_name_prefix="health"),
        clock=runtime.clock,
    )
    public = public_contract()
    served_by = processes_by_service(public)
    health = ShopHealth(shop, served_by)
    unguarded = health.handlers()
    if runtime.chassis.environment is Environment.DEVELOPMENT:
        unguarded += Reflection(public, served_by).handlers()
    return Service(
        name="storefront",
        servicers=(
            Servicer(add_StorefrontServiceServicer_to_server, StorefrontApi(pages)),
            Servicer(add_StatusServiceServicer_to_server, StatusApi(shop)),
        ),
        unguarded=unguarded,
        workers=(health.worker(),),
    )
