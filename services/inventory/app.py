"""Puts inventory together."""

from __future__ import annotations

from bookstore.inventory.v1.inventory_service_pb2_grpc import add_InventoryServiceServicer_to_server

from chassis.service import Runtime, Service, Servicer
from chassis.worker import Worker
from services.inventory.adjust_stock import AdjustStock
from services.inventory.api import InventoryApi
from services.inventory.expire_reservations import ExpireReservations
from services.inventory.queries import InventoryQueries
from services.inventory.remotes import GrpcBooks
from services.inventory.reserve_stock import ReserveStock
from services.inventory.settings import InventorySettings


def build(runtime: Runtime) -> Service:
    """The inventory service."""
    settings = runtime.settings(InventorySettings)
    database, clock, outbox = runtime.database, runtime.clock, runtime.outbox
    reserve_stock = ReserveStock(
        database=database,
        answers=runtime.answers,
        clock=clock,
        outbox=outbox,
        time_to_live=settings.time_to_live,
    )
    adjust_stock = AdjustStock(
        database=database,
        answers=runtime.answers,
        books=GrpcBooks(runtime.channel("catalog")),
        clock=clock,
        outbox=outbox,
    )
    api = InventoryApi(queries=InventoryQueries(database), adjust_stock=adjust_stock, reserve_stock=reserve_stock)
    sweep = ExpireReservations(database=database, reserve_stock=reserve_stock, clock=clock).sweep
    return Service(
        name="inventory",
        servicers=(Servicer(add_InventoryServiceServicer_to_server, api),),
        workers=(Worker(name="expire-reservations", every=settings.sweep_every, run=sweep),),
    )
