"""The pages as Envoy sends them."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest

from tests.integration.edge_harness import Stand, running_edge
from tools.console.page_routes import Page, Redirect
from tools.console.pages import pages


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """A running edge."""
    with running_edge(tmp_path_factory.mktemp("edge")) as stand:
        yield stand


@pytest.fixture(scope="module")
def known(edge: Stand) -> dict[str, Page]:
    """What should come, by path."""
    return {page.path: page for page in pages(edge.shop) if isinstance(page, Page)}


def test_every_page_comes_as_it_is_with_its_media_type(edge: Stand, known: dict[str, Page]) -> None:
    for path, page in known.items():
        answer = edge.call("GET", path)
        assert (answer.status, answer.headers["content-type"]) == (200, page.media_type), path
        assert answer.body == page.body, path
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers.get("content-security-policy", "") == page.security_policy
        assert answer.headers["cache-control"] == ("no-cache" if page.cached else "no-store")


def test_head_returns_the_headers_of_get(edge: Stand, known: dict[str, Page]) -> None:
    for path in known:
        head, get = edge.call("HEAD", path), edge.call("GET", path)
        assert (head.status, head.body) == (200, b"")
        for name in ("content-type", "content-length", "cache-control"):
            assert head.headers[name] == get.headers[name], (path, name)
        assert head.headers.get("etag") == get.headers.get("etag")


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_page_that_the_client_has_is_not_sent_again(edge: Stand, known: dict[str, Page], method: str) -> None:
    for path, page in known.items():
        if not page.cached:
            continue
        tag = edge.call("GET", path).headers["etag"]
        for sent in (tag, tag.removeprefix("W/"), f'"other", {tag}', "*"):
            answer = edge.call(method, path, headers={"if-none-match": sent})
            assert (answer.status, answer.body) == (304, b""), (path, sent)
            assert answer.headers["etag"] == tag
            assert "location" not in answer.headers
        assert edge.call(method, path, headers={"if-none-match": '"other"'}).status == 200


def test_what_is_large_comes_compressed_to_those_who_take_it(edge: Stand, known: dict[str, Page]) -> None:
    for path in ("/openapi.json", "/docs/grpc", "/assets/swagger-ui-bundle.js"):
        answer = edge.call("GET", path, headers={"accept-encoding": "br, gzip"})
        assert (answer.headers["content-encoding"], answer.headers["vary"]) == ("gzip", "accept-encoding")
        assert gzip.decompress(answer.body) == known[path].body
        assert len(answer.body) < len(known[path].body) / 2
        for refused in ("identity", "gzip;q=0", "gzip; q=0.0, br"):
            plain = edge.call("GET", path, headers={"accept-encoding": refused})
            assert "content-encoding" not in plain.headers, refused
            assert plain.body == known[path].body


def test_the_edge_says_that_it_is_up(edge: Stand) -> None:
    answer = edge.call("GET", "/healthz")
    assert answer.json["status"] == "SERVING"


def test_a_trailing_slash_is_redirected(edge: Stand) -> None:
    moved = [page for page in pages(edge.shop) if isinstance(page, Redirect)]
    assert [page.path for page in moved] == ["/docs/", "/docs/grpc/"]
    for page in moved:
        answer = edge.call("GET", page.path)
        assert (answer.status, answer.headers["location"]) == (308, page.target)


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/", "/healthz", "/openapi.json"])
def test_other_methods_are_refused_as_everywhere(edge: Stand, path: str) -> None:
    answer = edge.call("POST", path, body=b"{}")
    assert answer.status == 405
    assert answer.reason() == ("METHOD_NOT_ALLOWED", "edge.bookstore")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    asked = edge.call("OPTIONS", path)
    assert (asked.status, asked.body, asked.headers["allow"]) == (204, b"", "GET, HEAD, OPTIONS")


@pytest.mark.parametrize("path", ["/docsx", "/docs/nothing", "/assets/", "/assets/../v1", "/index.html"])
def test_what_is_no_page_is_not_found_as_everywhere(edge: Stand, path: str) -> None:
    answer = edge.call("GET", path)
    assert answer.status == 404
    assert answer.reason() == ("ROUTE_NOT_FOUND", "edge.bookstore")


def test_a_bad_token_does_not_hide_a_page(edge: Stand) -> None:
    assert edge.call("GET", "/docs", token="nonsense").status == 200
