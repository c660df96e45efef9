"""Puts inventory together."""

from __future__ import annotations

from bookstore.inventory.v1.inventory_service_pb2_grpc import add_InventoryServiceServicer_to_server

from chassis.service import Runtime, Service, Servicer
from chassis.worker import Worker
from services.inventory.adjusting import Adjusting
from services.inventory.api import InventoryApi
from services.inventory.clients import GrpcBooks
from services.inventory.expiry import Expiry
from services.inventory.reading import Reading
from services.inventory.reserving import Reserving
from services.inventory.settings import InventorySettings


def build(runtime: Runtime) -> Service:
    """The inventory service."""
    settings = runtime.settings(InventorySettings)
    database, clock, outbox = runtime.database, runtime.clock, runtime.outbox
    reserving = Reserving(clock=clock, outbox=outbox, time_to_live=settings.time_to_live)
    api = InventoryApi(
        reading=Reading(database),
        adjusting=Adjusting(database=database, books=GrpcBooks(runtime.channel("catalog")), clock=clock, outbox=outbox),
        reserving=reserving,
        answers=runtime.answers,
    )
    sweep = Expiry(database=database, reserving=reserving, clock=clock).sweep
    return Service(
        name="inventory",
        servicers=(Servicer(add_InventoryServiceServicer_to_server, api),),
        workers=(Worker(name="expire-reservations", every=settings.sweep_every, run=sweep),),
    )
