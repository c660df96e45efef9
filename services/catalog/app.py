"""Puts the catalog together."""

from __future__ import annotations

from bookstore.catalog.v1.catalog_service_pb2_grpc import add_CatalogServiceServicer_to_server

from chassis.service import Runtime, Service, Servicer
from services.catalog.api import CatalogApi
from services.catalog.clients import GrpcAccounts
from services.catalog.editing import Editing
from services.catalog.reading import Reading


def build(runtime: Runtime) -> Service:
    """The catalog service."""
    api = CatalogApi(
        reading=Reading(runtime.database),
        editing=Editing(clock=runtime.clock, ids=runtime.ids, outbox=runtime.outbox),
        accounts=GrpcAccounts(runtime.channel("identity")),
        answers=runtime.answers,
    )
    return Service(name="catalog", servicers=(Servicer(add_CatalogServiceServicer_to_server, api),))
