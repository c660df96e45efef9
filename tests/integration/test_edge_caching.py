"""What clients and caches may keep of responses, and how they ask whether it still holds."""

from __future__ import annotations

import pytest

from tests.integration.edge_harness import ETAG, Stand


@pytest.mark.parametrize("path", ["/v1/orders/1", "/v1/orders/1:watch", "/v1/carts/me", "/v1/carts/guest"])
@pytest.mark.parametrize("signed_in", [True, False])
def test_what_is_one_callers_is_never_kept(edge: Stand, path: str, signed_in: bool) -> None:
    answer = edge.call("GET", path, token=edge.token() if signed_in else "")
    assert answer.headers["cache-control"] == "no-store"


def test_neither_are_tokens_and_changes(edge: Stand) -> None:
    session = edge.call("POST", "/v1/sessions", body=b"{}")
    change = edge.call("POST", "/v1/books", body=b'{"title": "E"}', token=edge.token())
    assert [answer.headers["cache-control"] for answer in (session, change)] == ["no-store", "no-store"]


@pytest.mark.parametrize("path", ["/v1/books/emma", "/v1/books", "/v1/books/none"])
def test_a_public_read_is_kept_only_when_no_token_was_sent(edge: Stand, path: str) -> None:
    public, signed_in = edge.call("GET", path), edge.call("GET", path, token=edge.token())
    assert "cache-control" not in public.headers
    assert signed_in.headers["cache-control"] == "no-store"
    assert public.headers["vary"] == signed_in.headers["vary"] == "Authorization"


def test_compression_and_tokens_both_vary(edge: Stand) -> None:
    answer = edge.call("GET", "/v1/books?page_size=100", headers={"accept-encoding": "gzip"})
    assert {name.strip().lower() for name in answer.headers["vary"].split(",")} == {"authorization", "accept-encoding"}


def test_the_keys_depend_on_no_token(edge: Stand) -> None:
    headers = edge.call("GET", "/.well-known/jwks.json").headers
    assert "vary" not in headers
    assert headers.get("cache-control") != "no-store"


@pytest.mark.parametrize("tags", [ETAG, f"W/{ETAG}", f'"1", {ETAG}', f'"1",W/{ETAG}, "2"', "*"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_the_client_has_is_not_sent_again(edge: Stand, method: str, tags: str) -> None:
    answer = edge.call(method, "/v1/books/emma", headers={"if-none-match": tags})
    assert (answer.status, answer.body, answer.headers["etag"]) == (304, b"", ETAG)
    assert answer.headers["vary"] == "Authorization"
    assert not {"content-type", "grpc-status", "grpc-message"} & set(answer.headers)


@pytest.mark.parametrize("tags", ['"1"', '"1", "33"', "3"])
def test_what_the_client_does_not_have_is_sent(edge: Stand, tags: str) -> None:
    answer = edge.call("GET", "/v1/books/emma", headers={"if-none-match": tags})
    assert answer.status == 200
    assert answer.json["etag"] == ETAG


def test_a_resource_that_changes_under_its_etag_is_always_sent(edge: Stand) -> None:
    answer = edge.call("GET", "/v1/carts/me", headers={"if-none-match": ETAG})
    assert (answer.status, answer.headers["etag"]) == (200, ETAG)


def test_an_error_is_no_match(edge: Stand) -> None:
    assert edge.call("GET", "/v1/books/none", headers={"if-none-match": "*"}).status == 404
