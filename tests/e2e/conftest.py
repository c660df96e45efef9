"""One running bookstore for all tests of this folder; tests make users, books and carts of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from chassis.interceptors.server_call import UNDECLARED
from tests.e2e.shop import Client, sign_in
from tests.e2e.stack import Bookstore


@pytest.fixture(scope="session")
def bookstore(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bookstore]:
    """The running stack, with the seeded shop."""
    store = Bookstore(tmp_path_factory.mktemp("bookstore"))
    store.start()
    try:
        yield store
        store.interrupt()
    finally:
        store.kill()
    logs = (log.read_text(errors="replace").splitlines() for log in (store.data_dir / "logs").glob("*.log"))
    undeclared = [line for lines in logs for line in lines if UNDECLARED in line]
    assert undeclared == [], "an RPC returned an error that its contract does not list"


@pytest.fixture(scope="session")
def admin(bookstore: Bookstore) -> Client:
    """The administrator's client."""
    password = (bookstore.data_dir / "admin-password").read_text()
    return sign_in(bookstore.http, "admin@bookstore.example", password)


@pytest.fixture
def make_book(admin: Client) -> MakeBook:
    """Makes books that no other test knows."""
    return MakeBook(admin)


class MakeBook:
    """Creates a paperback with a price in cents and copies in stock; answers its resource name."""

    def __init__(self, admin: Client) -> None:
        self._admin = admin

    def __call__(self, *, cents: int = 1000, copies: int = 5, **fields: object) -> str:
        book = {
            "title": "A Book of the Tests",
            "isbn13": _isbn13(),
            "format": "FORMAT_PAPERBACK",
            "contributors": [{"displayName": "A. Tester", "role": "ROLE_AUTHOR"}],
            "languageCode": "en",
            "categories": ["Tests"],
            "price": {"currencyCode": "EUR", "units": str(cents // 100), "nanos": cents % 100 * 10_000_000},
            **fields,
        }
        name: str = self._admin.post("/v1/books", book)["name"]
        if copies:
            stock = name.replace("books/", "stocks/")
            body = {"delta": copies, "reason": "RECEIVED", "requestId": str(uuid4())}
            self._admin.post(f"/v1/{stock}:adjust", body)
        return name


def _isbn13() -> str:
    digits = f"9798{uuid4().int % 10**8:08d}"
    check = -sum(int(d) * (3 if i % 2 else 1) for i, d in enumerate(digits)) % 10
    return f"{digits}{check}"


@pytest.fixture(scope="session")
def mailbox(bookstore: Bookstore) -> Path:
    """The Maildir the shop delivers to."""
    return bookstore.data_dir / "mail"
