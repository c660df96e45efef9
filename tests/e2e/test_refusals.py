"""Bad input over JSON: the right status, a reason, the field where there is one, and nothing changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from tests.e2e.conftest import MakeBook
from tests.e2e.shop import ADDRESS, Answer, Client, fill_cart, newcomer, order_for
from tests.e2e.stack import Bookstore

Send = Callable[[Client, str], Answer]


def add(body: Any) -> Send:
    return lambda reader, book: reader.send("POST", "/v1/carts/me:addItem", {"book": book, **body})


CASES: dict[str, tuple[Send, int, str, list[str]]] = {
    "unknown book": (
        lambda reader, _: reader.send("POST", "/v1/carts/me:addItem", {"book": "books/no-such-book", "quantity": 1}),
        404,
        "BOOK_NOT_FOUND",
        [],
    ),
    "quantity 0": (add({"quantity": 0}), 400, "FIELD_INVALID", ["quantity"]),
    "quantity 10,000": (add({"quantity": 10_000}), 400, "FIELD_INVALID", ["quantity"]),
    "negative quantity": (add({"quantity": -1}), 400, "FIELD_INVALID", ["quantity"]),
    "fractional quantity": (add({"quantity": 1.5}), 400, "REQUEST_MALFORMED", []),
    "quantity as text": (add({"quantity": "many"}), 400, "REQUEST_MALFORMED", []),
    "missing field": (lambda reader, _: reader.send("POST", "/v1/carts/me:addItem", {}), 400, "FIELD_INVALID", []),
    "malformed name": (
        lambda reader, _: reader.send("POST", "/v1/carts/me:addItem", {"book": "9780", "quantity": 1}),
        400,
        "FIELD_INVALID",
        ["book"],
    ),
    "request id that is no UUID": (add({"quantity": 1, "requestId": "1"}), 400, "FIELD_INVALID", ["request_id"]),
    "broken JSON": (
        lambda reader, _: reader.send("POST", "/v1/carts/me:addItem", b'{"book": '),
        400,
        "REQUEST_MALFORMED",
        [],
    ),
    "body over the limit": (
        lambda reader, _: reader.send("POST", "/v1/carts/me:addItem", b" " * (1024 * 1024 + 1)),
        413,
        "BODY_TOO_LARGE",
        [],
    ),
    "not JSON": (
        lambda reader, _: reader.send("POST", "/v1/carts/me:addItem", b"<x/>", Content_Type="text/xml"),
        415,
        "MEDIA_TYPE_UNSUPPORTED",
        [],
    ),
    "unknown path": (lambda reader, _: reader.send("GET", "/v1/shelves"), 404, "ROUTE_NOT_FOUND", []),
    "wrong method": (lambda reader, _: reader.send("DELETE", "/v1/books"), 405, "METHOD_NOT_ALLOWED", []),
    "unknown query parameter": (
        lambda reader, _: reader.send("GET", "/v1/books?colour=red"),
        400,
        "REQUEST_MALFORMED",
        [],
    ),
    "negative page size": (lambda reader, _: reader.send("GET", "/v1/books?pageSize=-1"), 400, "FIELD_INVALID", []),
    "foreign page token": (
        lambda reader, _: reader.send("GET", "/v1/books?pageToken=abc"),
        400,
        "PAGE_TOKEN_INVALID",
        [],
    ),
    "query that is not UTF-8": (
        lambda reader, _: reader.send("GET", "/v1/books?filter=%FF"),
        400,
        "REQUEST_MALFORMED",
        [],
    ),
    "bad filter": (lambda reader, _: reader.send("GET", "/v1/books?filter=price%20~%201"), 400, "FILTER_INVALID", []),
    "internal method": (
        lambda reader, _: reader.send("POST", "/bookstore.inventory.v1.InventoryService/ReserveStock", {}),
        404,
        "ROUTE_NOT_FOUND",
        [],
    ),
    "staff only": (lambda reader, _: reader.send("POST", "/v1/books", {}), 403, "ROLE_REQUIRED", []),
}


@pytest.fixture(scope="module")
def reader(bookstore: Bookstore) -> Client:
    return newcomer(bookstore.http)


@pytest.mark.parametrize("case", CASES)
def test_bad_input_is_refused_and_changes_nothing(reader: Client, make_book: MakeBook, case: str) -> None:
    send, status, reason, fields = CASES[case]
    book = make_book(copies=0)
    before = reader.get("/v1/carts/me").get("items", [])
    answer = send(reader, book)
    assert (answer.status, answer.reason) == (status, reason), answer
    assert set(fields) <= set(answer.fields), answer
    assert answer.headers["content-type"].startswith("application/json")
    assert reader.get("/v1/carts/me").get("items", []) == before


@pytest.mark.parametrize(
    ("change", "status", "reason", "field"),
    [
        ({"expectedTotal": {"currencyCode": "USD", "units": "10"}}, 400, "CURRENCY_MISMATCH", "expected_total"),
        ({"expectedTotal": {"currencyCode": "EUR", "units": "1"}}, 400, "PRICE_CHANGED", None),
        ({"expectedTotal": {"currencyCode": "euro", "units": "1"}}, 400, "FIELD_INVALID", "expected_total"),
        ({"paymentMethod": "4111 1111 1111 1111"}, 400, "FIELD_INVALID", "payment_method"),
        ({"shippingAddress": None}, 400, "SHIPPING_ADDRESS_REQUIRED", "shipping_address"),
        ({"shippingAddress": {**ADDRESS, "addressLines": [" "]}}, 400, "FIELD_INVALID", "shipping_address"),
        ({"shippingAddress": {**ADDRESS, "recipients": ["N\nX: y"]}}, 400, "FIELD_INVALID", "shipping_address"),
        ({"cart": "carts/somebody-elses-cart-000000"}, 404, "CART_NOT_FOUND", None),
    ],
)
def test_a_bad_order_is_refused_and_none_is_made(
    bookstore: Bookstore, make_book: MakeBook, change: dict[str, Any], status: int, reason: str, field: str | None
) -> None:
    reader = newcomer(bookstore.http)
    request = {**order_for(fill_cart(reader, [make_book()])), **change}
    answer = reader.send("POST", "/v1/orders", {key: value for key, value in request.items() if value is not None})
    assert (answer.status, answer.reason) == (status, reason), answer
    assert field is None or any(found.startswith(field) for found in answer.fields), answer
    assert reader.get("/v1/orders").get("orders", []) == []


@pytest.mark.parametrize(
    ("fields", "reason", "field"),
    [
        ({"isbn13": "9780306406158"}, "ISBN_INVALID", "book.isbn13"),
        ({"isbn13": "12345"}, "FIELD_INVALID", "book.isbn13"),
        ({"format": "FORMAT_SCROLL"}, "REQUEST_MALFORMED", None),
        ({"format": "FORMAT_UNSPECIFIED"}, "FIELD_INVALID", "book.format"),
        ({"title": ""}, "FIELD_INVALID", "book.title"),
        ({"title": " "}, "FIELD_INVALID", "book.title"),
        ({"title": "T\r\nX-Header: y"}, "FIELD_INVALID", "book.title"),
        ({"price": {"currencyCode": "XXX", "units": "1"}}, "PRICE_INVALID", "book.price"),
        ({"price": {"currencyCode": "EUR", "units": "-1"}}, "FIELD_INVALID", "book.price"),
    ],
)
def test_a_bad_book_is_refused(admin: Client, fields: dict[str, Any], reason: str, field: str | None) -> None:
    book = {
        "title": "T",
        "isbn13": "9780306406157",
        "format": "FORMAT_PAPERBACK",
        "contributors": [{"displayName": "A", "role": "ROLE_AUTHOR"}],
        "price": {"currencyCode": "EUR", "units": "1"},
        **fields,
    }
    answer = admin.send("POST", f"/v1/books?bookId=t-{uuid4().hex}", book)
    assert (answer.status, answer.reason) == (400, reason), answer
    assert field is None or any(found.startswith(field) for found in answer.fields), answer


def test_foreign_orders_payments_and_carts_do_not_exist(
    bookstore: Bookstore, admin: Client, make_book: MakeBook
) -> None:
    reader, stranger = newcomer(bookstore.http), newcomer(bookstore.http)
    order = reader.post("/v1/orders", order_for(fill_cart(reader, [make_book()])))
    cart = reader.get("/v1/carts/me")["name"]
    for path in (order["name"], order["payment"], cart):
        foreign, invented = stranger.send("GET", f"/v1/{path}"), stranger.send("GET", f"/v1/{path}0")
        assert foreign.status == invented.status == 404
        assert foreign.reason == invented.reason
        assert Client(bookstore.http).send("GET", f"/v1/{path}").status in (401, 404)
    assert stranger.send("POST", f"/v1/{order['name']}:cancel", {}).status == 404
    assert admin.send("GET", f"/v1/{order['name']}").status == 200


def test_tokens_that_are_missing_forged_or_broken_are_refused(bookstore: Bookstore) -> None:
    key = ECKey.generate_key("P-256")
    claims = {"iss": "https://bookstore.example", "aud": "bookstore", "sub": "users/x", "roles": ["admin"]}
    forged = jwt.encode({"alg": "ES256", "kid": "x"}, {**claims, "exp": 4102444800}, key)
    for token in ("", "nonsense", forged):
        answer = Client(bookstore.http, token).send("GET", "/v1/orders")
        assert (answer.status, answer.reason) == (401, "TOKEN_REQUIRED"), answer
        assert Client(bookstore.http, token).send("GET", "/v1/books?pageSize=1").status == 200


def test_an_expired_token_is_refused_where_something_would_change(bookstore: Bookstore) -> None:
    (key_file,) = (bookstore.data_dir / "keys").glob("*.pem")
    key = ECKey.import_key(key_file.read_text())
    claims = {"iss": "https://bookstore.example", "aud": "bookstore", "sub": "users/x", "roles": ["customer"]}
    long_ago = {**claims, "iat": 1_700_000_000, "exp": 1_700_000_600}
    expired = Client(bookstore.http, jwt.encode({"alg": "ES256"}, long_ago, key))
    for method, path in (("POST", "/v1/carts"), ("POST", "/v1/carts/me:clear"), ("GET", "/v1/orders")):
        answer = expired.send(method, path, {} if method == "POST" else None)
        assert (answer.status, answer.reason) == (401, "TOKEN_REQUIRED"), answer
    assert expired.send("GET", "/v1/books?pageSize=1").status == 200


def test_clients_cannot_bring_claims_of_their_own(bookstore: Bookstore) -> None:
    claims = "eyJzdWIiOiJ1c2Vycy94Iiwicm9sZXMiOlsiYWRtaW4iXX0"
    answer = Client(bookstore.http).send(
        "GET", "/v1/books?showDeleted=true", x_bookstore_claims=claims, x_bookstore_service="orders"
    )
    assert (answer.status, answer.reason) == (403, "ROLE_REQUIRED") or answer.status == 401, answer


def test_wrong_password_and_unknown_user_look_the_same(bookstore: Bookstore) -> None:
    client = Client(bookstore.http)
    wrong = client.send("POST", "/v1/sessions", {"email": "admin@bookstore.example", "password": "not the password"})
    unknown = client.send("POST", "/v1/sessions", {"email": "nobody@example.com", "password": "not the password"})
    assert (wrong.status, wrong.reason, wrong.body["message"]) == (401, unknown.reason, unknown.body["message"])


def test_if_match_guards_a_change_like_the_etag_of_the_resource(admin: Client, make_book: MakeBook) -> None:
    book = make_book(copies=0)
    for change in ("PATCH", "DELETE"):
        answer = admin.send(change, f"/v1/{book}", {"title": "Second"} if change == "PATCH" else None, If_Match='"9"')
        assert (answer.status, answer.reason) == (412, "ETAG_MISMATCH"), answer
    read = admin.send("GET", f"/v1/{book}")
    assert admin.send("PATCH", f"/v1/{book}", {"title": "Second"}, If_Match=read.headers["etag"]).status == 200


def test_a_repeat_is_marked_and_changes_nothing(reader: Client, make_book: MakeBook) -> None:
    body = {"book": make_book(copies=0), "quantity": 1, "requestId": str(uuid4())}
    first, again = (reader.send("POST", "/v1/carts/me:addItem", body) for _ in range(2))
    assert "idempotent-replayed" not in first.headers
    assert (again.status, again.headers["idempotent-replayed"]) == (200, "true")
    assert again.body["items"] == first.body["items"]


def test_the_largest_page_arrives(bookstore: Bookstore) -> None:
    page = Client(bookstore.http).get("/v1/books?pageSize=1000")
    assert len(page["books"]) == 100
    assert page["nextPageToken"]


def test_an_etag_of_yesterday_is_a_failed_precondition(admin: Client, make_book: MakeBook) -> None:
    book = make_book(copies=0)
    read = admin.send("GET", f"/v1/{book}")
    assert read.headers["etag"] == read.body["etag"]
    admin.send("PATCH", f"/v1/{book}?updateMask=title", {"title": "Second"})
    answer = admin.send("PATCH", f"/v1/{book}?updateMask=title", {"title": "Third", "etag": read.body["etag"]})
    assert (answer.status, answer.reason) == (412, "ETAG_MISMATCH"), answer
    assert admin.get(f"/v1/{book}")["title"] == "Second"
