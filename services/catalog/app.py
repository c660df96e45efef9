"""The catalog's composition root."""

from __future__ import annotations

from bookstore.catalog.v1.catalog_service_pb2_grpc import add_CatalogServiceServicer_to_server

from chassis.service import Runtime, Service, Servicer
from services.catalog.api import CatalogApi
from services.catalog.edit_book import EditBook
from services.catalog.queries import BookQueries
from services.catalog.remotes import GrpcAccounts


def build(runtime: Runtime) -> Service:
    """Returns the catalog service."""
    edit_book = EditBook(
        answers=runtime.answers,
        accounts=GrpcAccounts(runtime.channel("identity")),
        clock=runtime.clock,
        ids=runtime.ids,
        outbox=runtime.outbox,
    )
    api = CatalogApi(queries=BookQueries(runtime.database), edit_book=edit_book)
    return Service(name="catalog", servicers=(Servicer(add_CatalogServiceServicer_to_server, api),))
