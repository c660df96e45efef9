"""Puts the catalog together."""

from __future__ import annotations

from bookstore.catalog.v1.catalog_service_pb2_grpc import add_CatalogServiceServicer_to_server

from services.catalog.api import CatalogApi
from services.catalog.browsing import Browsing
from services.catalog.clients import IdentityAccounts
from services.catalog.editing import Editing
from services.chassis.service import Runtime, Service, Servicer


def build(runtime: Runtime) -> Service:
    """The catalog service."""
    api = CatalogApi(
        browsing=Browsing(runtime.database),
        editing=Editing(clock=runtime.clock, ids=runtime.ids, outbox=runtime.outbox),
        accounts=IdentityAccounts(runtime.channel("identity")),
        answers=runtime.answers,
    )
    return Service(name="catalog", servicers=(Servicer(add_CatalogServiceServicer_to_server, api),))
