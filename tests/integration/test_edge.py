"""The edge as clients see it: a real Envoy, the generated routes, servers of the real contracts behind it."""

from __future__ import annotations

import base64
import json
import socket
from pathlib import Path

import pytest

from tests.integration.edge_harness import Answer, Stand, running_edge
from tests.limits import HANG_SECONDS


def _book(**fields: object) -> bytes:
    return json.dumps({"title": "Emma"} | fields).encode()


def _is_status_of_edge(answer: Answer, *, status: int, code: int, reason: str) -> None:
    """The answer is google.rpc.Status with Envoy's reason, and tells the request's id where Envoy had one."""
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["code"] == code
    assert answer.json["message"]
    assert answer.reason() == (reason, "edge.bookstore")


class TestTranscoding:
    def test_reads_answer_json_with_zero_values(self, edge: Stand) -> None:
        answer = edge.call("GET", "/v1/books/emma")
        assert answer.status == 200
        assert answer.json["name"] == "books/emma"
        assert answer.json["pageCount"] == 0
        assert answer.json["contributors"] == []

    def test_creation_answers_201_with_location_and_etag(self, edge: Stand) -> None:
        answer = edge.call("POST", "/v1/books?bookId=emma", body=_book(), token=edge.token())
        assert answer.status == 201
        assert answer.headers["location"] == "/v1/books/emma"
        assert answer.headers["etag"] == '"1"'
        assert "x-bookstore-http-status" not in answer.headers
        assert answer.json["title"] == "Emma"

    def test_nothing_of_grpc_is_left_in_the_headers(self, edge: Stand) -> None:
        for path in ("/v1/books/emma", "/v1/books/none"):
            headers = edge.call("GET", path).headers
            assert not [name for name in headers if name.startswith(("grpc-", "x-envoy-"))]

    def test_an_error_of_a_service_keeps_status_and_details(self, edge: Stand) -> None:
        answer = edge.call("GET", "/v1/books/none")
        assert answer.status == 404
        assert answer.json["code"] == 5
        assert answer.reason() == ("BOOK_NOT_FOUND", "catalog.bookstore")

    def test_a_long_list_arrives_whole(self, edge: Stand) -> None:
        answer = edge.call("GET", "/v1/books?page_size=10000")
        assert answer.status == 200
        assert len(answer.json["books"]) == 10_000

    def test_headers_of_grpc_are_not_the_clients_to_set(self, edge: Stand) -> None:
        assert edge.call("GET", "/v1/books/emma", headers={"grpc-encoding": "nonsense"}).status == 200

    @pytest.mark.parametrize(
        ("book", "status", "reason"),
        [("busy", 429, "OVERLOADED"), ("late", 504, "DEADLINE_PASSED"), ("broken", 500, "UNEXPECTED")],
    )
    def test_what_grpc_answers_for_a_service_gets_a_reason(
        self, edge: Stand, book: str, status: int, reason: str
    ) -> None:
        answer = edge.call("GET", f"/v1/books/{book}")
        assert answer.status == status
        assert answer.reason() == (reason, "platform.bookstore")
        assert "secret" not in answer.json["message"]

    def test_a_stream_arrives_as_server_sent_events(self, edge: Stand) -> None:
        answer = edge.call("GET", "/v1/orders/1:watch", token=edge.token())
        assert answer.status == 200
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.body.count(b"data: {") == 2

    def test_the_service_hears_of_its_deadline_before_the_edge_gives_up(self, edge: Stand) -> None:
        edge.call("GET", "/v1/books/emma", headers={"grpc-timeout": "1H"})
        assert 0 < edge.catalog.deadlines[-1] < 5

    def test_an_idempotency_key_reaches_the_service(self, edge: Stand) -> None:
        key = "8e03978e-40d5-43dd-bc93-6894a57f9324"
        edge.call("POST", "/v1/books", body=_book(), token=edge.token(), headers={"idempotency-key": key})
        assert edge.catalog.calls[-1]["idempotency-key"] == key


class TestRefusals:
    """Envoy's own answers all have the shape of the services' errors."""

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (b'{"title": 1', "book.title"),
            (b'{"title": "\xff"}', "book.title"),
            (_book(pageCont=5), "book.pageCont"),
            (_book(format="SCROLL"), "book.format"),
            (_book(pageCount="many"), "book.page_count"),
        ],
    )
    def test_json_that_does_not_fit_names_the_field(self, edge: Stand, body: bytes, field: str) -> None:
        before = len(edge.catalog.calls)
        answer = edge.call("POST", "/v1/books", body=body, token=edge.token())
        _is_status_of_edge(answer, status=400, code=3, reason="REQUEST_MALFORMED")
        assert answer.fields() == [field]
        assert len(edge.catalog.calls) == before

    def test_an_unknown_query_parameter_is_named(self, edge: Stand) -> None:
        answer = edge.call("GET", "/v1/books?colour=blue")
        _is_status_of_edge(answer, status=400, code=3, reason="REQUEST_MALFORMED")
        assert answer.fields() == ["colour"]

    def test_a_name_in_the_body_cannot_replace_the_one_in_the_path(self, edge: Stand) -> None:
        answer = edge.call("PATCH", "/v1/books/emma", body=_book(name="books/other"), token=edge.token())
        _is_status_of_edge(answer, status=400, code=3, reason="REQUEST_MALFORMED")

    @pytest.mark.parametrize("media", ["text/xml", "application/x-www-form-urlencoded", "x"])
    def test_other_media_than_json(self, edge: Stand, media: str) -> None:
        answer = edge.call("POST", "/v1/books", body=_book(), token=edge.token(), headers={"content-type": media})
        _is_status_of_edge(answer, status=415, code=3, reason="MEDIA_TYPE_UNSUPPORTED")

    def test_grpc_on_the_json_port_is_refused_as_grpc(self, edge: Stand) -> None:
        answer = edge.call("POST", "/v1/books", body=b"", headers={"content-type": "application/grpc"})
        assert answer.headers["grpc-status"] not in ("", "0")

    def test_json_with_a_charset_is_json(self, edge: Stand) -> None:
        media = {"content-type": "Application/JSON; charset=utf-8"}
        assert edge.call("POST", "/v1/books", body=_book(), token=edge.token(), headers=media).status == 201

    def test_a_body_over_one_mebibyte(self, edge: Stand) -> None:
        answer = edge.call("POST", "/v1/books", body=_book(title="x" * 1_100_000), token=edge.token())
        _is_status_of_edge(answer, status=413, code=3, reason="BODY_TOO_LARGE")

    def test_headers_over_sixty_kibibytes(self, edge: Stand) -> None:
        answer = edge.call("GET", "/v1/books/emma", headers={"x-long": "x" * 70_000})
        _is_status_of_edge(answer, status=431, code=3, reason="HEADERS_TOO_LARGE")

    def test_a_path_that_does_not_exist(self, edge: Stand) -> None:
        _is_status_of_edge(edge.call("GET", "/v1/nothing"), status=404, code=5, reason="ROUTE_NOT_FOUND")

    def test_a_method_that_the_path_does_not_take(self, edge: Stand) -> None:
        answer = edge.call("DELETE", "/v1/books")
        _is_status_of_edge(answer, status=405, code=12, reason="METHOD_NOT_ALLOWED")
        assert answer.headers["allow"] == "GET, HEAD, OPTIONS, POST"

    def test_an_escaped_slash_in_a_path(self, edge: Stand) -> None:
        answer = edge.call("GET", "/v1/books/a%2Fb")
        _is_status_of_edge(answer, status=400, code=3, reason="REQUEST_MALFORMED")

    def test_headers_that_do_not_come_in_time(self, edge: Stand) -> None:
        with socket.create_connection(("127.0.0.1", edge.http_port), timeout=HANG_SECONDS) as connection:
            connection.sendall(b"GET /v1/books/emma HTTP/1.1\r\nhost: x\r\n")
            text = b""
            while chunk := connection.recv(65536):
                text += chunk
        head, _, body = text.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 408")
        _is_status_of_edge(
            Answer(status=408, headers={"content-type": "application/json"}, body=body),
            status=408,
            code=4,
            reason="REQUEST_TOO_SLOW",
        )

    def test_a_service_that_cannot_be_reached(self, edge: Stand) -> None:
        answer = edge.unavailable(lambda: edge.call("GET", "/v1/promotions"))
        _is_status_of_edge(answer, status=503, code=14, reason="SERVICE_UNAVAILABLE")
        assert answer.json["details"][-1] == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1s"}
        assert "refused" not in answer.body.decode().lower(), "what is behind the edge stays behind it"

    def test_the_answer_names_the_request(self, edge: Stand) -> None:
        answer = edge.call("GET", "/v1/nothing")
        assert answer.json["details"][1]["requestId"] == answer.headers["x-request-id"]


class TestTokens:
    def test_a_valid_token_reaches_the_service_as_it_came(self, edge: Stand) -> None:
        token = edge.token()
        assert edge.call("POST", "/v1/books", body=_book(), token=token).status == 201
        received = edge.catalog.calls[-1]
        assert received["authorization"] == f"Bearer {token}"
        assert not [name for name in received if name.startswith("x-bookstore-")]

    def test_a_missing_token(self, edge: Stand) -> None:
        answer = edge.call("POST", "/v1/books", body=_book())
        _is_status_of_edge(answer, status=401, code=16, reason="TOKEN_REQUIRED")
        assert "Jwt" not in answer.json["message"]
        assert answer.headers["www-authenticate"] == "Bearer"

    @pytest.mark.parametrize(
        "claims",
        [{"lifetime": -60}, {"iss": "https://evil.example"}, {"exp": None}, {"nbf": 4_000_000_000}],
        ids=["expired", "other issuer", "no end", "not yet valid"],
    )
    def test_a_token_that_does_not_hold(self, edge: Stand, claims: dict[str, int]) -> None:
        answer = edge.call("POST", "/v1/books", body=_book(), token=edge.token(**claims))
        _is_status_of_edge(answer, status=401, code=16, reason="TOKEN_REQUIRED")

    def test_a_token_for_somebody_else(self, edge: Stand) -> None:
        answer = edge.call("POST", "/v1/books", body=_book(), token=edge.token(aud="warehouse"))
        _is_status_of_edge(answer, status=403, code=7, reason="TOKEN_REFUSED")

    def test_a_token_without_signature(self, edge: Stand) -> None:
        header = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
        unsigned = ".".join([header, edge.token().split(".")[1], ""])
        answer = edge.call("POST", "/v1/books", body=_book(), token=unsigned)
        _is_status_of_edge(answer, status=401, code=16, reason="TOKEN_REQUIRED")

    def test_where_no_token_is_needed_a_bad_one_counts_as_none(self, edge: Stand) -> None:
        assert edge.call("GET", "/v1/books/emma", token=edge.token(lifetime=-60)).status == 200

    def test_where_no_token_is_needed_a_good_one_tells_who_calls(self, edge: Stand) -> None:
        assert edge.call("GET", "/v1/books/emma", token=edge.token()).status == 200
        assert edge.catalog.calls[-1]["authorization"].startswith("Bearer ")

    def test_a_client_cannot_speak_for_the_edge(self, edge: Stand) -> None:
        forged = {"x-bookstore-claims": "e30", "X-Bookstore-Service": "orders", "x-envoy-upstream-rq-timeout-ms": "1"}
        assert edge.call("GET", "/v1/books/emma", headers=forged).status == 200
        assert not [name for name in edge.catalog.calls[-1] if name.startswith("x-bookstore-")]


class TestTraces:
    def test_one_trace_from_the_client_through_the_edge(self, edge: Stand) -> None:
        trace = "0af7651916cd43dd8448eb211c80319c"
        answer = edge.call("GET", "/v1/books/emma", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"})
        assert answer.headers["x-trace-id"] == trace
        assert edge.catalog.calls[-1]["traceparent"].split("-")[1] == trace

    def test_the_edge_begins_a_trace(self, edge: Stand) -> None:
        answer = edge.call("GET", "/v1/books/emma")
        version, trace, _, flags = edge.catalog.calls[-1]["traceparent"].split("-")
        assert (version, flags) == ("00", "01")
        assert trace == answer.headers["x-trace-id"]

    def test_the_access_log_tells_the_request_and_no_secret(self, edge: Stand) -> None:
        token = edge.token()
        answer = edge.call("GET", "/v1/carts/secret-cart?page_token=hidden", token=token)
        entry = edge.logged(answer.headers["x-request-id"])
        assert (entry["method"], entry["path"], entry["status"]) == ("GET", "/v1/carts/*", answer.status)
        book = edge.logged(edge.call("GET", "/v1/books/emma").headers["x-request-id"])
        assert (book["method"], book["path"]) == ("GET", "/v1/books/emma")
        assert entry["trace_id"] == answer.headers["x-trace-id"]
        assert entry["duration_ms"] >= 0
        for secret in (token, "secret-cart", "hidden"):
            assert secret not in json.dumps(entry)

    @pytest.mark.parametrize("share", [0.0, 1.0])
    def test_the_edge_records_its_share_and_what_a_client_records(self, tmp_path: Path, share: float) -> None:
        with running_edge(tmp_path, trace_sample=share) as edge:
            answer = edge.call("GET", "/v1/books/emma")
            _, trace, _, flags = edge.catalog.calls[-1]["traceparent"].split("-")
            assert (trace, flags) == (answer.headers["x-trace-id"], "01" if share else "00")
            for flags in ("00", "01"):
                begun = f"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-{flags}"
                edge.call("GET", "/v1/books/emma", headers={"traceparent": begun})
                assert edge.catalog.calls[-1]["traceparent"].endswith(f"-{flags}")


def test_what_the_edge_is_told_is_all_understood(edge: Stand) -> None:
    """Envoy warns of deprecated and unknown fields."""
    complaints = [line for line in Path(edge.log).read_text().splitlines() if "eprecated" in line or "nknown" in line]
    assert complaints == []
