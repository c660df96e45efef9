"""What pages of other origins may send and read."""

from __future__ import annotations

import pytest

from tests.integration.edge_harness import Answer, Stand

ORIGIN = {"origin": "https://shop.example"}


def readable(answer: Answer) -> bool:
    """Whether a browser shows the response and its headers to the page."""
    exposed = answer.headers.get("access-control-expose-headers", "")
    return answer.headers.get("access-control-allow-origin") == "*" and "x-request-id" in exposed


def test_a_preflight_is_answered_for_any_origin(edge: Stand) -> None:
    asked = ORIGIN | {"access-control-request-method": "POST"}
    answer = edge.call("OPTIONS", "/v1/books", headers=asked)
    assert answer.status == 200
    assert readable(answer)
    assert "authorization" in answer.headers["access-control-allow-headers"]
    assert "access-control-allow-credentials" not in answer.headers


def test_a_preflight_of_connect_and_grpc_web(edge: Stand) -> None:
    call = b"OPTIONS /bookstore.catalog.v1.CatalogService/GetBook HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    asked = b"Origin: https://shop.example\r\nAccess-Control-Request-Method: POST\r\n\r\n"
    answer = edge.exchange(call + asked, port=edge.grpc_port)
    assert answer.status == 200
    assert readable(answer)
    allowed = answer.headers["access-control-allow-headers"].split(", ")
    assert {"content-type", "authorization", "connect-protocol-version", "x-grpc-web"} <= set(allowed)


@pytest.mark.parametrize("headers", [ORIGIN, {}], ids=["with an origin", "without"])
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/books/emma", 200),
        ("GET", "/v1/books/none", 404),
        ("GET", "/v1/orders", 401),
        ("GET", "/v1/nothing", 404),
        ("DELETE", "/v1/books", 405),
        ("GET", "/v1/books?colour=blue", 400),
        ("GET", "/v1/books/a%2Fb", 400),
    ],
)
def test_every_response_can_be_read(edge: Stand, method: str, path: str, status: int, headers: dict[str, str]) -> None:
    answer = edge.call(method, path, headers=headers)
    assert answer.status == status
    assert readable(answer)


def test_a_service_that_is_away_can_be_read(edge: Stand) -> None:
    assert readable(edge.unavailable(lambda: edge.call("GET", "/v1/promotions")))


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /v1/books HTTP/1.1\r\nHost: x\r\nbroken line\r\n\r\n", 400),
        (b"GET /v1/books HTTP/1.1\r\n\r\n", 400),
        (b"GET /v1/books HTTP/1.1\r\nHost: x\r\nx_name: 1\r\n\r\n", 400),
    ],
    ids=["broken header", "no host", "underscore"],
)
@pytest.mark.parametrize("listener", ["json", "grpc"])
def test_what_no_filter_sees_can_be_read_too(edge: Stand, listener: str, request_: bytes, status: int) -> None:
    answer = edge.exchange(request_, port=edge.http_port if listener == "json" else edge.grpc_port)
    assert answer.status == status
    assert answer.headers["access-control-allow-origin"] == "*"


def test_a_path_that_no_service_has_can_be_read_on_the_grpc_listener(edge: Stand) -> None:
    answer = edge.exchange(b"GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", port=edge.grpc_port)
    assert answer.status == 404
    assert readable(answer)


def test_long_lists_are_compressed_when_asked(edge: Stand) -> None:
    answer = edge.call("GET", "/v1/books?page_size=100", headers={"accept-encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert len(answer.body) < 5_000
