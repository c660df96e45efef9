"""What the pages tell, and to whom."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tools.console.page_routes import Page, Redirect, publish
from tools.console.pages import PageMissing, Shop, pages
from tools.console.services import service_names

SECRETS = {"Mail": Path("/shop/mail"), "Password of the administrator": Path("/shop/admin-password")}


def _shop(**values: Any) -> Shop:
    defaults = {"http": "http://127.0.0.1:9000", "grpc": "127.0.0.1:9001", "admin": "http://127.0.0.1:9002"}
    return Shop(**{**defaults, "development": True, "locations": SECRETS, **values})


def _first(shop: Shop) -> str:
    page = next(page for page in pages(shop) if page.path == "/")
    assert isinstance(page, Page)
    return page.body.decode()


def test_the_first_page_names_this_shop_and_every_process() -> None:
    text = _first(_shop())
    for fact in ("SHOP=http://127.0.0.1:9000", "127.0.0.1:9001", "http://127.0.0.1:9002", *map(str, SECRETS.values())):
        assert fact in text
    assert re.findall(r'data-process="(\w+)"', text) == list(service_names())


def test_in_production_it_tells_no_place_of_a_secret_and_offers_no_demonstration() -> None:
    text = _first(_shop(development=False))
    for absent in (*map(str, SECRETS.values()), "pm_ok", "http://127.0.0.1:9002"):
        assert absent not in text
    for present in ("/docs", "/docs/grpc", "/openapi.json", "127.0.0.1:9001", "/healthz"):
        assert present in text


def test_mail_is_not_looked_for_where_a_mail_server_takes_it() -> None:
    assert "/new" not in _first(_shop(locations={"Logs": Path("/shop/logs")}))


def test_a_path_is_shown_as_text() -> None:
    assert "<script>alert" not in _first(_shop(locations={"Logs": Path("<script>alert(1)</script>")}))


def test_every_link_of_a_page_leads_to_a_page_or_into_the_api() -> None:
    known = pages(_shop())
    paths = {page.path for page in known}
    for page in known:
        if isinstance(page, Redirect):
            assert page.target in paths
        elif page.media_type.startswith("text/html"):
            text = page.body.decode()
            links = {link for link in re.findall(r'(?:href|src)="(/[^"#]*)', text) if not link.startswith("/v1/")}
            assert links <= paths
            anchors = set(re.findall(r'href="#([^"]+)"', text))
            assert anchors <= set(re.findall(r'id="([^"]+)"', text))
            assert page.security_policy


def test_no_page_has_a_script_of_its_own() -> None:
    for page in pages(_shop()):
        if isinstance(page, Page) and page.media_type.startswith("text/html"):
            assert not re.search(r"<script(?![^>]*\bsrc=)|\son[a-z]+=|javascript:", page.body.decode())


def test_what_is_generated_and_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(PageMissing, match=r"processes\.json.*make protos"):
        pages(_shop(), generated=tmp_path)


def test_a_page_that_does_not_get_smaller_has_no_compressed_route(tmp_path: Path) -> None:
    names = [route["name"] for route in publish([Page(path="/a", media_type="text/plain", body=b"short")], tmp_path)]  # type: ignore[index]
    assert names == ["/a 304", "/a", "204 /a", "405 /a"]
