"""gRPC and gRPC-Web through the edge."""

from __future__ import annotations

import contextlib
import http.client
from typing import cast

import grpc
import pytest
from bookstore.catalog.v1 import catalog_service_pb2, catalog_service_pb2_grpc
from bookstore.payments.v1 import payments_service_pb2, payments_service_pb2_grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from tests.integration.edge_harness import Stand
from tests.limits import HANG_SECONDS


def _reason(error: grpc.RpcError) -> tuple[str, str]:
    status = rpc_status.from_call(cast(grpc.Call, error))
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return info.reason, info.domain


def test_a_native_call_passes(edge: Stand) -> None:
    with edge.channel() as channel:
        stub = catalog_service_pb2_grpc.CatalogServiceStub(channel)
        book = stub.GetBook(catalog_service_pb2.GetBookRequest(name="books/emma"), timeout=HANG_SECONDS)
    assert book.title == "Emma"


def test_a_native_error_keeps_its_details(edge: Stand) -> None:
    with edge.channel() as channel, pytest.raises(grpc.RpcError) as raised:
        catalog_service_pb2_grpc.CatalogServiceStub(channel).GetBook(
            catalog_service_pb2.GetBookRequest(name="books/none"), timeout=HANG_SECONDS
        )
    status = rpc_status.from_call(cast(grpc.Call, raised.value))
    assert status is not None
    assert (status.code, status.message) == (5, "books/none is not in the catalog")
    assert len(status.details) == 1


@pytest.mark.parametrize("media", ["application/grpc-web", "application/grpc-web+proto"])
def test_a_browser_speaks_grpc_web(edge: Stand, media: str) -> None:
    message = catalog_service_pb2.GetBookRequest(name="books/emma").SerializeToString()
    connection = http.client.HTTPConnection("127.0.0.1", edge.grpc_port, timeout=HANG_SECONDS)
    with contextlib.closing(connection):
        connection.request(
            "POST",
            "/bookstore.catalog.v1.CatalogService/GetBook",
            b"\0" + len(message).to_bytes(4, "big") + message,
            {"content-type": media},
        )
        answer = connection.getresponse()
        body = answer.read()
    assert (answer.status, answer.headers["content-type"]) == (200, "application/grpc-web+proto")
    assert b"Emma" in body
    assert b"grpc-status:0" in body


def test_a_missing_token_is_unauthenticated(edge: Stand) -> None:
    with edge.channel() as channel, pytest.raises(grpc.RpcError) as raised:
        catalog_service_pb2_grpc.CatalogServiceStub(channel).CreateBook(
            catalog_service_pb2.CreateBookRequest(), timeout=HANG_SECONDS
        )
    assert raised.value.code() is grpc.StatusCode.UNAUTHENTICATED
    assert _reason(raised.value) == ("TOKEN_REQUIRED", "edge.bookstore")


def test_metadata_of_the_edge_is_taken_off(edge: Stand) -> None:
    with edge.channel() as channel:
        catalog_service_pb2_grpc.CatalogServiceStub(channel).GetBook(
            catalog_service_pb2.GetBookRequest(name="books/emma"),
            metadata=(("x-bookstore-claims", "e30"), ("x-bookstore-service", "orders")),
            timeout=HANG_SECONDS,
        )
    assert not [name for name in edge.catalog.calls[-1] if name.startswith("x-bookstore-")]


def test_an_internal_method_has_no_route(edge: Stand) -> None:
    with edge.channel() as channel, pytest.raises(grpc.RpcError) as raised:
        payments_service_pb2_grpc.PaymentServiceStub(channel).AuthorizePayment(
            payments_service_pb2.AuthorizePaymentRequest(), timeout=HANG_SECONDS
        )
    assert raised.value.code() is grpc.StatusCode.UNIMPLEMENTED
    assert _reason(raised.value) == ("ROUTE_NOT_FOUND", "edge.bookstore")
