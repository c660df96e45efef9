"""HTTP beyond GET and POST: HEAD, OPTIONS, old versions, headers and escapes that transcoding alone does not know."""

from __future__ import annotations

import gzip
import json
import shutil
import subprocess

import pytest

from tests.integration.edge_harness import Stand

CURL = shutil.which("curl")


def test_head_is_get_without_a_body(edge: Stand) -> None:
    read, head = (edge.call(method, "/v1/books/emma") for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (200, b"")
    for name in ("content-type", "content-length", "etag", "vary"):
        assert head.headers[name] == read.headers[name]
    assert edge.logged(head.headers["x-request-id"])["method"] == "HEAD"


def test_head_of_a_document(edge: Stand) -> None:
    head = edge.call("HEAD", "/.well-known/jwks.json")
    assert (head.status, head.body, head.headers["content-type"]) == (200, b"", "application/json")


@pytest.mark.parametrize(("path", "status"), [("/v1/books/none", 404), ("/v1/orders/1", 401), ("/v1/nothing", 404)])
def test_head_of_what_cannot_be_read_has_the_status_of_get(edge: Stand, path: str, status: int) -> None:
    head = edge.call("HEAD", path)
    assert (head.status, head.body) == (status, b"")


@pytest.mark.parametrize(
    ("path", "status"), [("/v1/books/emma", 200), ("/v1/books?page_size=3000", 200), ("/v1/books/none", 404)]
)
def test_head_has_no_body_over_http_2_either(edge: Stand, path: str, status: int) -> None:
    if CURL is None:
        pytest.skip("curl, the HTTP/2 client of this test, is not installed")
    url = f"http://127.0.0.1:{edge.http_port}{path}"
    command = [CURL, "--http2-prior-knowledge", "--silent", "--show-error", "--head", "--max-time", "30", url]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"HTTP/2 {status}")


def test_head_of_a_stream_would_wait_for_its_end(edge: Stand) -> None:
    head = edge.call("HEAD", "/v1/orders/1:watch", token=edge.token())
    assert (head.status, head.headers["allow"]) == (405, "GET, OPTIONS")


def test_options_tells_the_methods_without_a_preflight(edge: Stand) -> None:
    answer = edge.call("OPTIONS", "/v1/books")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"
    assert edge.call("OPTIONS", "/v1/nothing").status == 404


@pytest.mark.parametrize("host", [b"Host: backend\r\n", b""], ids=["as nginx sends it", "without a host"])
def test_http_1_0(edge: Stand, host: bytes) -> None:
    answer = edge.exchange(b"GET /v1/books/emma HTTP/1.0\r\n" + host + b"Connection: close\r\n\r\n")
    assert answer.status == 200
    assert answer.json["name"] == "books/emma"
    assert "transfer-encoding" not in answer.headers


@pytest.mark.parametrize("coding", ["gzip", "br", "identity, gzip"])
def test_a_compressed_body_is_rejected_as_such(edge: Stand, coding: str) -> None:
    body = gzip.compress(b'{"title": "Emma"}')
    answer = edge.call("POST", "/v1/books", body=body, token=edge.token(), headers={"content-encoding": coding})
    assert answer.status == 415
    assert answer.reason() == ("MEDIA_TYPE_UNSUPPORTED", "edge.bookstore")
    assert answer.headers["accept-encoding"] == "identity"


def test_identity_is_no_encoding(edge: Stand) -> None:
    headers = {"content-encoding": "Identity"}
    assert edge.call("POST", "/v1/books", body=b'{"title": "E"}', token=edge.token(), headers=headers).status == 201


@pytest.mark.parametrize("name", [*"!#$%&'*+^`|~", "x-a-bin", "grpc-trace-bin"])
def test_headers_that_grpc_cannot_carry_do_not_reach_a_service(edge: Stand, name: str) -> None:
    request = f"GET /v1/books/emma HTTP/1.1\r\nHost: x\r\n{name}: %\r\nX-Name: J\u00fcrgen\r\nConnection: close\r\n\r\n"
    assert edge.exchange(request.encode()).status == 200
    assert name not in edge.catalog.calls[-1]


def test_an_escaped_colon_is_a_colon(edge: Stand) -> None:
    answer = edge.call("GET", "/v1/orders/1%3Awatch", token=edge.token())
    assert answer.headers["content-type"] == "text/event-stream"
    assert edge.call("DELETE", "/v1/orders/1%3awatch").headers["allow"] == "GET, OPTIONS"


@pytest.mark.parametrize(("path", "seconds"), [("/v1/books/limited", "60"), ("/v1/books/busy", "1")])
def test_a_service_that_is_busy_says_when_to_come_back(edge: Stand, path: str, seconds: str) -> None:
    answer = edge.call("GET", path)
    assert (answer.status, answer.headers["retry-after"]) == (429, seconds)


def test_a_service_that_is_away_says_when_to_come_back(edge: Stand) -> None:
    answer = edge.unavailable(lambda: edge.call("GET", "/v1/promotions"))
    assert answer.headers["retry-after"] == "1"


class TestTokens:
    @pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
    def test_both_spellings_of_the_scheme(self, edge: Stand, scheme: str) -> None:
        answer = edge.call("GET", "/v1/orders/1", headers={"authorization": f"{scheme} {edge.token()}"})
        assert answer.status == 200

    @pytest.mark.parametrize("where", ["query", "cookie"])
    def test_from_the_authorization_header_only(self, edge: Stand, where: str) -> None:
        token = edge.token()
        path = f"/v1/orders/1?access_token={token}" if where == "query" else "/v1/orders/1"
        assert edge.call("GET", path, headers={"cookie": f"access_token={token}"}).status == 401


class TestQueries:
    def test_plus_is_a_space(self, edge: Stand) -> None:
        assert edge.call("GET", "/v1/books?orderBy=price+desc&filter=a%2Bb").status == 200
        request = edge.catalog.requests[-1]
        assert (request.order_by, request.filter) == ("price desc", "a+b")

    @pytest.mark.parametrize(
        "query", ["name=books/other", "n%61me=books/other", "%6Eame=books/other", "name", "name.x=1", "a=b&name=x"]
    )
    @pytest.mark.parametrize(("method", "path"), [("GET", "/v1/books/emma"), ("HEAD", "/v1/books/emma")])
    def test_a_query_does_not_overrule_the_path(self, edge: Stand, method: str, path: str, query: str) -> None:
        before = len(edge.catalog.calls)
        answer = edge.call(method, f"{path}?{query}")
        assert answer.status == 400
        assert len(edge.catalog.calls) == before
        if method == "GET" and "a=b" not in query:
            assert answer.fields() == [query.partition("=")[0].replace("%61", "a").replace("%6E", "n")]

    @pytest.mark.parametrize("query", ["book.title=Other", "book.na%6De=books/x", "Book=x", "book.page_count=1"])
    def test_a_query_does_not_overrule_the_body(self, edge: Stand, query: str) -> None:
        answer = edge.call("POST", f"/v1/books?{query}", body=b'{"title": "E"}', token=edge.token())
        assert (answer.status, len(answer.fields())) == (400, 1)

    @pytest.mark.parametrize("path", ["/v1/carts/me:addItem", "/v1/carts/me%3AaddItem", "/v1/carts/me%3aaddItem"])
    @pytest.mark.parametrize("query", ["cart=carts/other", "quantity=5", "c%61rt=carts/other"])
    def test_a_call_whose_body_is_everything_has_no_query(self, edge: Stand, path: str, query: str) -> None:
        answer = edge.call("POST", f"{path}?{query}", body=json.dumps({"book": "books/emma"}).encode())
        assert (answer.status, answer.reason()[0]) == (400, "REQUEST_MALFORMED")
        assert len(answer.fields()) == 1

    def test_odd_signs_of_a_name_are_shown_as_such(self, edge: Stand) -> None:
        answer = edge.call("POST", "/v1/carts/me:addItem?lines[0].a%20%22b%5C=1", body=b"{}")
        assert answer.fields() == ["lines[0].a??b?"]

    def test_what_only_the_query_can_say_is_taken(self, edge: Stand) -> None:
        answer = edge.call("POST", "/v1/books?book_id=emma", body=b'{"title": "E"}', token=edge.token())
        assert answer.headers["location"] == "/v1/books/emma"
