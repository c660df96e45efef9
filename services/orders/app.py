"""Puts orders together."""

from __future__ import annotations

from datetime import timedelta

from bookstore.orders.v1.orders_service_pb2_grpc import add_OrderServiceServicer_to_server

from chassis.service import Runtime, Service, Servicer
from chassis.worker import Worker
from services.orders.api import OrdersApi
from services.orders.metrics import Metrics
from services.orders.order_lifecycle import OrderLifecycle
from services.orders.place_order import PlaceOrder
from services.orders.ports import RemoteServices
from services.orders.queries import OrderQueries
from services.orders.remotes import connect
from services.orders.saga import Saga
from services.orders.saga_worker import OrderLeases
from services.orders.settings import OrdersSettings
from services.orders.watch_order import WatchOrder

_LOOK_FOR_WORK_EVERY = timedelta(seconds=1)


def build(runtime: Runtime) -> Service:
    """The orders service."""
    return assemble(runtime, connect(runtime.channel))


def assemble(runtime: Runtime, remotes: RemoteServices) -> Service:
    """The orders service over the given ports."""
    settings = runtime.settings(OrdersSettings)
    database, clock, outbox = runtime.database, runtime.clock, runtime.outbox
    claims = OrderLeases(database, clock=clock, outbox=outbox, duration=settings.claim)
    saga = Saga(database, claims, remotes, clock=clock, settings=settings, metrics=Metrics(database, clock))
    place_order = PlaceOrder(
        database,
        saga,
        carts=remotes.carts,
        prices=remotes.prices,
        clock=clock,
        ids=runtime.ids,
        outbox=outbox,
        claim=settings.claim,
    )
    watch_order = WatchOrder(database)
    api = OrdersApi(
        queries=OrderQueries(database),
        place_order=place_order,
        lifecycle=OrderLifecycle(answers=runtime.answers, saga=saga, clock=clock, ids=runtime.ids, outbox=outbox),
        watch_order=watch_order,
    )
    return Service(
        name="orders",
        servicers=(Servicer(add_OrderServiceServicer_to_server, api),),
        watches=(watch_order.watches,),
        workers=tuple(
            Worker(f"saga-{number}", _LOOK_FOR_WORK_EVERY, saga.resume_due) for number in range(settings.workers)
        ),
    )
