"""HTTP that only the edge and a service together can speak."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.e2e.conftest import MakeBook
from tests.e2e.shop import PASSWORD, Client, newcomer
from tests.e2e.stack import Bookstore


def test_what_has_not_changed_is_not_sent_again(admin: Client, make_book: MakeBook) -> None:
    path = f"/v1/{make_book(copies=0)}"
    etag = admin.send("GET", path).headers["etag"]
    assert admin.send("GET", path, If_None_Match=f'"999", W/{etag}').status == 304
    assert admin.send("PATCH", path, {"title": "Second"}).status == 200
    assert admin.send("GET", path, If_None_Match=etag).body["title"] == "Second"


@pytest.mark.parametrize("form", ["{}", "W/{}", '"999", {}', "*"])
def test_if_match_may_be_weak_or_one_of_a_list(admin: Client, make_book: MakeBook, form: str) -> None:
    path = f"/v1/{make_book(copies=0)}"
    etag = admin.send("GET", path).headers["etag"]
    stale = form.format('"998"')
    if form != "*":
        assert admin.send("PATCH", path, {"title": "Second"}, If_Match=stale).status == 412
    assert admin.send("PATCH", path, {"title": "Second"}, If_Match=form.format(etag)).status == 200


def test_a_cart_changes_under_its_etag(admin: Client, bookstore: Bookstore, make_book: MakeBook) -> None:
    reader, book = newcomer(bookstore.http), make_book(copies=0)
    reader.post("/v1/carts/me:addItem", {"book": book, "quantity": 1})
    before = reader.send("GET", "/v1/carts/me")
    admin.send("PATCH", f"/v1/{book}", {"price": {"currencyCode": "EUR", "units": "77"}})
    now = reader.send("GET", "/v1/carts/me", If_None_Match=before.headers["etag"])
    assert (now.status, now.headers["etag"]) == (200, before.headers["etag"])
    assert now.body["quote"]["total"]["units"] == "77"


def test_too_many_wrong_passwords_say_when_to_come_back(bookstore: Bookstore) -> None:
    client, email = Client(bookstore.http), f"reader-{uuid4().hex}@example.com"
    client.post("/v1/users", {"email": email, "password": PASSWORD, "displayName": "Nora"})
    wrong = {"email": email, "password": "not the password"}
    limited = next(
        answer for answer in (client.send("POST", "/v1/sessions", wrong) for _ in range(20)) if answer.status == 429
    )
    assert int(limited.headers["retry-after"]) > 1


def test_no_message_shows_a_regular_expression(bookstore: Bookstore) -> None:
    answer = newcomer(bookstore.http).send("POST", "/v1/carts/me:addItem", {"book": "9780", "quantity": 1})
    assert answer.body["message"] == (
        "book: must be `books/` followed by 1 to 64 lower-case letters, digits or hyphens"
    )
