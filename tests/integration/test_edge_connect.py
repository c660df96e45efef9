"""Connect on the gRPC listener (https://connectrpc.com/docs/protocol), in binary."""

from __future__ import annotations

import base64
import http.client
import json
from contextlib import closing

import pytest
from bookstore.catalog.v1 import book_pb2, catalog_service_pb2
from bookstore.orders.v1 import orders_requests_pb2

from tests.integration.edge_harness import Answer, Stand
from tests.limits import HANG_SECONDS

GET_BOOK = "/bookstore.catalog.v1.CatalogService/GetBook"
CREATE_BOOK = "/bookstore.catalog.v1.CatalogService/CreateBook"
WATCH_ORDER = "/bookstore.orders.v1.OrderService/WatchOrder"


def call(edge: Stand, path: str, body: bytes, media: str = "application/proto", *, token: str = "") -> Answer:
    headers = {"content-type": media, "connect-protocol-version": "1", "connect-timeout-ms": "4000"}
    headers |= {"authorization": f"Bearer {token}"} if token else {}
    return _sent(edge, "POST", path, body, headers)


def _sent(edge: Stand, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
    with closing(http.client.HTTPConnection("127.0.0.1", edge.grpc_port, timeout=HANG_SECONDS)) as connection:
        connection.request(method, path, body, headers)
        response = connection.getresponse()
        received = {name.lower(): value for name, value in response.getheaders()}
        return Answer(status=response.status, headers=received, body=response.read())


def book_request(name: str) -> bytes:
    return catalog_service_pb2.GetBookRequest(name=name).SerializeToString()


def messages(body: bytes) -> list[tuple[int, bytes]]:
    """The messages of a Connect stream with their flags."""
    found = []
    while body:
        length = int.from_bytes(body[1:5], "big")
        found.append((body[0], body[5 : 5 + length]))
        body = body[5 + length :]
    return found


def test_a_call(edge: Stand) -> None:
    answer = call(edge, GET_BOOK, book_request("books/emma"))
    assert (answer.status, answer.headers["content-type"]) == (200, "application/proto")
    assert book_pb2.Book.FromString(answer.body).title == "Emma"
    assert answer.headers["access-control-allow-origin"] == "*"
    assert 0 < edge.catalog.deadlines[-1] <= 4


def test_a_read_by_get(edge: Stand) -> None:
    message = base64.urlsafe_b64encode(book_request("books/emma")).rstrip(b"=").decode()
    query = f"connect=v1&encoding=proto&base64=1&message={message}"
    answer = _sent(edge, "GET", f"{GET_BOOK}?{query}", None, {})
    assert answer.status == 200
    assert book_pb2.Book.FromString(answer.body).name == "books/emma"


def test_a_change_by_get_is_rejected(edge: Stand) -> None:
    before = len(edge.catalog.calls)
    answer = _sent(edge, "GET", f"{CREATE_BOOK}?connect=v1&encoding=proto&message=", None, {})
    assert (answer.status, answer.headers["allow"]) == (405, "POST")
    assert len(edge.catalog.calls) == before


def test_an_error_has_the_form_of_connect(edge: Stand) -> None:
    answer = call(edge, GET_BOOK, book_request("books/none"))
    assert (answer.status, answer.json["code"]) == (404, "not_found")
    assert [detail["type"] for detail in answer.json["details"]] == ["google.rpc.ErrorInfo"]


def test_a_missing_token(edge: Stand) -> None:
    answer = call(edge, CREATE_BOOK, catalog_service_pb2.CreateBookRequest().SerializeToString())
    assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
    assert [detail["type"] for detail in answer.json["details"]] == ["google.rpc.ErrorInfo"]


@pytest.mark.parametrize("book", ["busy", "limited"])
def test_too_many_calls_say_when_to_come_back(edge: Stand, book: str) -> None:
    answer = call(edge, GET_BOOK, book_request(f"books/{book}"))
    assert (answer.status, answer.json["code"]) == (429, "resource_exhausted")
    told = [detail["type"] for detail in answer.json.get("details", [])]
    assert ("google.rpc.RetryInfo" in told) != (answer.headers.get("retry-after") == "1")


def test_a_service_that_is_away(edge: Stand) -> None:
    answer = edge.unavailable(lambda: call(edge, "/bookstore.promotions.v1.PromotionService/ListPromotions", b""))
    assert (answer.json["code"], answer.headers["retry-after"]) == ("unavailable", "1")


@pytest.mark.parametrize("order", ["orders/1", "orders/none"])
def test_a_stream_and_its_error(edge: Stand, order: str) -> None:
    request = orders_requests_pb2.WatchOrderRequest(name=order).SerializeToString()
    body = b"\0" + len(request).to_bytes(4, "big") + request
    answer = call(edge, WATCH_ORDER, body, "application/connect+proto", token=edge.token())
    assert answer.status == 200
    *sent, (flag, end) = messages(answer.body)
    assert flag == 2
    if order == "orders/1":
        assert (len(sent), "error" in json.loads(end)) == (2, False)
    else:
        error = json.loads(end)["error"]
        assert (len(sent), error["code"]) == (1, "not_found")
        assert [detail["type"] for detail in error["details"]] == ["google.rpc.ErrorInfo"]


@pytest.mark.parametrize("media", ["application/json", "application/connect+json"])
def test_json_has_a_port_of_its_own(edge: Stand, media: str) -> None:
    answer = call(edge, GET_BOOK, b"{}", media)
    assert answer.status == 415
    assert "application/proto" in answer.headers["accept-post"]


@pytest.mark.parametrize(
    ("header", "arrives"),
    [
        (("!", "x"), False),
        (("x-a-bin", "%"), False),
        (("x-a-bin", "AAAAA"), False),
        (("x-a-bin", "AAE="), True),
        (("x-a-bin", "AAE"), True),
    ],
)
def test_headers_that_grpc_cannot_carry_do_not_reach_a_service(
    edge: Stand, header: tuple[str, str], arrives: bool
) -> None:
    headers = {"content-type": "application/proto", "connect-protocol-version": "1"} | dict([header])
    assert _sent(edge, "POST", GET_BOOK, book_request("books/emma"), headers).status == 200
    assert (header[0] in edge.catalog.calls[-1]) == arrives


def test_json_by_get_too(edge: Stand) -> None:
    assert _sent(edge, "GET", f"{GET_BOOK}?connect=v1&encoding=json&message=%7B%7D", None, {}).status == 415
