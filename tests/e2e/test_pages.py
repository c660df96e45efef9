"""The pages as a browser shows them, and what a visitor can do with them. Needs Chromium."""

from __future__ import annotations

import html
import json
import re
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest

from tests.e2e.browser import Browser, Page, chromium
from tests.e2e.shop import Client
from tests.e2e.stack import ROOT, Bookstore

_DOCUMENT = json.loads((ROOT / "generated/openapi/bookstore.json").read_bytes())
_WIDTHS = (1280, 390)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """One browser for the tests of this module."""
    program = chromium()
    if program is None:
        pytest.skip("Chromium is not installed (Debian: apt-get install chromium)")
    with Browser.running(program, tmp_path_factory.mktemp("chromium")) as running:
        yield running


def _is_quiet(page: Page, origin: str) -> None:
    """Nothing was asked of another origin, and neither the console nor the security policy complains."""
    assert page.complaints == []
    foreign = [url for url in page.requests if not url.startswith((f"{origin}/", "data:", "about:"))]
    assert foreign == []
    assert page.requests


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", _WIDTHS)
def test_the_first_page_tells_how_every_service_is(
    bookstore: Bookstore, browser: Browser, width: int, dark: bool
) -> None:
    page = browser.open(f"{bookstore.http}/", width=width, dark=dark)
    page.wait_for("document.getElementById('shop-state').className === 'good'")
    states = page.evaluate("[...document.querySelectorAll('[data-process]')].map((cell) => cell.textContent)")
    assert states == ["serving"] * 9
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == ("rgb(25, 23, 21)" if dark else "rgb(253, 251, 247)")
    _is_quiet(page, bookstore.http)


def test_the_purchase_of_the_first_page_can_be_pasted(bookstore: Bookstore) -> None:
    with urllib.request.urlopen(f"{bookstore.http}/", timeout=30) as answer:
        text = answer.read().decode()
    (script,) = re.findall(r'<code id="purchase-script">(.*?)</code>', text, re.DOTALL)
    command = ["bash", "-euo", "pipefail", "-c", html.unescape(script)]
    shell = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert shell.returncode == 0, shell.stderr
    assert "STATE_CONFIRMED" in shell.stdout, shell.stdout + shell.stderr


@pytest.mark.parametrize("width", _WIDTHS)
def test_the_grpc_reference_lists_every_service(bookstore: Bookstore, browser: Browser, width: int) -> None:
    page = browser.open(f"{bookstore.http}/docs/grpc", width=width)
    services = page.evaluate("[...document.querySelectorAll('h2')].map((heading) => heading.textContent)")
    assert {"bookstore.orders.v1.OrderService", "bookstore.catalog.v1.CatalogService"} <= set(services)
    assert page.evaluate("getComputedStyle(document.querySelector('main')).maxWidth") == "992px"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    _is_quiet(page, bookstore.http)


def test_the_api_reference_lists_every_service_and_operation(bookstore: Bookstore, browser: Browser) -> None:
    page = browser.open(f"{bookstore.http}/docs")
    page.wait_for("document.querySelector('.opblock')")
    tags = page.evaluate("[...document.querySelectorAll('.opblock-tag')].map((tag) => tag.dataset.tag)")
    assert tags == [tag["name"] for tag in _DOCUMENT["tags"]]
    operations = sum(len(item) for item in _DOCUMENT["paths"].values())
    assert page.evaluate("document.querySelectorAll('.opblock').length") == operations
    assert page.evaluate("document.querySelectorAll('.errors-wrapper').length") == 0
    _is_quiet(page, bookstore.http)


def test_the_api_reference_follows_the_color_scheme(bookstore: Bookstore, browser: Browser) -> None:
    for dark in (False, True):
        page = browser.open(f"{bookstore.http}/docs", dark=dark)
        page.wait_for("document.querySelector('.opblock')")
        assert page.evaluate("document.documentElement.classList.contains('dark-mode')") is dark


@dataclass
class _Reference:
    """The API reference in a tab, with what a visitor does there."""

    page: Page

    def send(self, tag: str, operation: str, **changes: str) -> tuple[int, str]:
        """Opens the operation, changes fields of the example's body, executes. Returns status and shown body."""
        block = f"document.getElementById('operations-{tag}-{operation}')"
        self.page.wait_for(block)
        self.page.evaluate(f"{block}.querySelector('.opblock-summary-control').click()")
        self.page.wait_for(f"{block}.querySelector('.execute')")
        if changes:
            body = json.loads(self.page.evaluate(f"{block}.querySelector('textarea').value")) | changes
            self._type(f"{block}.querySelector('textarea')", json.dumps(body))
        self.page.evaluate(f"{block}.querySelector('.execute').click()")
        shown = f"{block}.querySelector('.live-responses-table tbody')"
        status = self.page.wait_for(f"{shown}?.querySelector('.response-col_status').textContent")
        text = self.page.evaluate(f"{shown}.querySelector('.response-col_description').innerText")
        return int(status), str(text)

    def authorize(self, token: str) -> None:
        """Pastes a token into the dialog behind the button Authorize."""
        self.page.evaluate("document.querySelector('.btn.authorize').click()")
        self.page.wait_for("document.querySelector('.dialog-ux input')")
        self._type("document.querySelector('.dialog-ux input')", token)
        self.page.evaluate("document.querySelector('.dialog-ux .btn.authorize').click()")
        self.page.wait_for("document.querySelector('.btn.authorize.locked')")
        self.page.evaluate("document.querySelector('.dialog-ux .btn-done').click()")

    @property
    def is_authorized(self) -> bool:
        """Whether the lock of the page is closed."""
        return bool(self.page.evaluate("document.querySelector('.btn.authorize.locked') !== null"))

    def _type(self, element: str, text: str) -> None:
        self.page.evaluate(f"{element}.focus()")
        self.page.evaluate(f"{element}.select()")
        self.page.browser.call("Input.insertText", {"text": text}, self.page.session)


@pytest.fixture
def reference(bookstore: Bookstore, browser: Browser) -> _Reference:
    """The API reference, loaded."""
    page = browser.open(f"{bookstore.http}/docs")
    page.wait_for("document.querySelector('.btn.authorize')")
    return _Reference(page)


def test_the_examples_buy_a_book(bookstore: Bookstore, reference: _Reference) -> None:
    email = f"nora-{uuid4().hex}@example.com"
    status, text = reference.send("IdentityService", "CreateUser", email=email)
    assert status == 201, text
    assert not reference.is_authorized
    status, text = reference.send("SessionService", "CreateSession", email=email)
    assert status == 200, text
    reference.page.wait_for("document.querySelector('.btn.authorize.locked')")
    status, text = reference.send("CartService", "AddItem")
    assert status == 200, text
    status, text = reference.send("OrderService", "PlaceOrder")
    assert status == 201, text
    assert "STATE_CONFIRMED" in text
    _is_quiet(reference.page, bookstore.http)


def test_a_pasted_token_authorizes_the_page(bookstore: Bookstore, admin: Client, reference: _Reference) -> None:
    reference.authorize(admin.token)
    status, text = reference.send("IdentityService", "ListUsers")
    assert status == 200, text
    assert "admin@bookstore.example" in text
    _is_quiet(reference.page, bookstore.http)
