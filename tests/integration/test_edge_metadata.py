"""Headers that gRPC would stumble over stay at the edge: one bad request must not disturb the calls of others."""

from __future__ import annotations

import contextlib
import http.client

import pytest
from bookstore.catalog.v1 import book_pb2, catalog_service_pb2

from tests.integration.edge_harness import Answer, Stand
from tests.limits import HANG_SECONDS

GET_BOOK = "/bookstore.catalog.v1.CatalogService/GetBook"
MESSAGE = catalog_service_pb2.GetBookRequest(name="books/emma").SerializeToString()
FRAMED = b"\0" + len(MESSAGE).to_bytes(4, "big") + MESSAGE
BODIES = {
    "application/grpc": FRAMED,
    "application/grpc+proto": FRAMED,
    "application/grpc-web": FRAMED,
    "application/grpc-web+proto": FRAMED,
    "application/proto": MESSAGE,
}
BAD_TIMEOUTS = ["1", "xx", "-1S", "", "123456789S", "1s", "1S,1S", "1 S", "1S2", "\u00b9S"]


def call(edge: Stand, media: str, *headers: tuple[str, str]) -> Answer:
    """Reads a book on the gRPC listener; header values go out as Latin-1."""
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", edge.grpc_port, timeout=HANG_SECONDS)) as sent:
        sent.putrequest("POST", GET_BOOK)
        for name, value in (("content-type", media), ("content-length", str(len(BODIES[media]))), *headers):
            sent.putheader(name, value.encode("latin-1"))
        sent.endheaders(BODIES[media])
        response = sent.getresponse()
        received = {name.lower(): value for name, value in response.getheaders()}
        return Answer(status=response.status, headers=received, body=response.read())


def others_are_served(edge: Stand) -> None:
    """Correct calls on both ports succeed, with and without a deadline of their own."""
    for _ in range(5):
        assert edge.call("GET", "/v1/books/emma").status == 200
        for timeout in ("", "3S", "2000m"):
            answer = call(edge, "application/grpc", *([("grpc-timeout", timeout)] if timeout else []))
            assert (answer.status, b"Emma" in answer.body) == (200, True), answer
        answer = call(edge, "application/proto", ("connect-protocol-version", "1"))
        assert (answer.status, answer.headers["content-type"]) == (200, "application/proto"), answer
        assert book_pb2.Book.FromString(answer.body).title == "Emma"


def code_of(answer: Answer) -> str:
    """The gRPC code of a response, wherever the protocol carries it; of Connect its word."""
    if answer.headers["content-type"] == "application/json":
        return str(answer.json["code"])
    return answer.headers["grpc-status"]


@pytest.mark.parametrize("timeout", BAD_TIMEOUTS)
@pytest.mark.parametrize("media", BODIES)
def test_a_malformed_deadline_is_rejected_at_the_edge(edge: Stand, media: str, timeout: str) -> None:
    before = len(edge.catalog.calls)
    answer = call(edge, media, ("grpc-timeout", timeout))
    assert code_of(answer) in ("3", "invalid_argument"), answer
    assert "grpc-timeout" in answer.headers.get("grpc-message", "") + answer.body.decode()
    assert "grpc-status-details-bin" in answer.headers or answer.json["details"]
    assert len(edge.catalog.calls) == before
    others_are_served(edge)


@pytest.mark.parametrize("timeout", ["x", "-1", "", "12345678901"])
def test_a_malformed_deadline_of_connect_is_rejected_at_the_edge(edge: Stand, timeout: str) -> None:
    answer = call(edge, "application/proto", ("connect-timeout-ms", timeout))
    assert (answer.status, answer.json["code"]) == (400, "invalid_argument"), answer
    others_are_served(edge)


@pytest.mark.parametrize(
    "header",
    [
        ("grpc-status", "x"),
        ("grpc-status", "0"),
        ("grpc-message", "%"),
        ("grpc-previous-rpc-attempts", "x"),
        ("grpc-retry-pushback-ms", "x"),
        ("grpc-internal-encoding-request", "x"),
        ("grpc-internal-stream-encoding-request", "x"),
        ("grpc-accept-encoding", "x, y,"),
        ("grpc-accept-encoding", "\x80"),
        ("grpc-trace-bin", "%"),
        ("grpc-tags-bin", "A"),
        ("grpc-server-stats-bin", "%"),
        ("grpc-anything", "x"),
        ("lb-token", "x"),
        ("lb-cost-bin", "AAAA"),
        ("lb-cost-bin", "%"),
        ("endpoint-load-metrics-bin", "%"),
        ("te", "gzip"),
        ("x-a", "\x80"),
        ("x-a", "J\u00fcrgen"),
        ("x-a", "a\tb"),
        ("user-agent", "\xff"),
        ("x-a-bin", "\x80"),
        ("x-a-bin", "AAE,%"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("media", ["application/grpc", "application/grpc-web", "application/proto"])
def test_what_grpc_cannot_read_does_not_reach_a_service(edge: Stand, media: str, header: tuple[str, str]) -> None:
    answer = call(edge, media, header)
    assert (answer.status, b"Emma" in answer.body) == (200, True), answer
    assert edge.catalog.calls[-1].get(header[0]) != header[1]
    others_are_served(edge)


@pytest.mark.parametrize(
    "header",
    [
        ("grpc-timeout", "x"),
        ("grpc-status", "x"),
        ("grpc-previous-rpc-attempts", "x"),
        ("grpc-encoding", "x"),
        ("grpc-anything", "x"),
        ("lb-cost-bin", "AAAA"),
        ("te", "gzip"),
        ("x-a", "\x80"),
        ("user-agent", "\xff"),
    ],
)  # fmt: skip
def test_json_clients_have_no_say_in_grpc(edge: Stand, header: tuple[str, str]) -> None:
    request = b"GET /v1/books/emma HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    line = f"{header[0]}: {header[1]}\r\n\r\n".encode("latin-1")
    assert edge.exchange(request + line).status == 200
    assert edge.catalog.calls[-1].get(header[0]) != header[1]
    others_are_served(edge)


@pytest.mark.parametrize("name", ["authorization", "idempotency-key", "if-match"])
@pytest.mark.parametrize("listener", ["json", "grpc"])
def test_a_header_that_changes_the_meaning_of_a_call_is_not_dropped_silently(
    edge: Stand, listener: str, name: str
) -> None:
    if listener == "grpc":
        answer = call(edge, "application/proto", (name, "\x80"))
    else:
        request = f"GET /v1/books/emma HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{name}: \x80\r\n\r\n"
        answer = edge.exchange(request.encode("latin-1"))
    assert answer.status == 400
    assert name in answer.json["message"]


@pytest.mark.parametrize(("coding", "code"), [("gzip", "0"), ("identity", "0"), ("br", "12"), ("x", "12")])
def test_an_encoding_that_services_do_not_read_is_unimplemented(edge: Stand, coding: str, code: str) -> None:
    answer = call(edge, "application/grpc", ("grpc-encoding", coding))
    assert answer.headers.get("grpc-status", "0") == code
    if code != "0":
        assert "gzip" in answer.headers["grpc-accept-encoding"]
    others_are_served(edge)
