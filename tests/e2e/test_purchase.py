"""Buying books over JSON through Envoy."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from uuid import uuid4

from tests.e2e.conftest import MakeBook
from tests.e2e.shop import ADDRESS, Client, eventually, fill_cart, minor, newcomer, order_for, settled
from tests.e2e.stack import Bookstore


def stock_of(admin: Client, book: str) -> tuple[int, int]:
    stock = admin.get("/v1/" + book.replace("books/", "stocks/"))
    return stock["onHand"], stock["reserved"]


def sold_one(admin: Client, book: str) -> bool:
    return stock_of(admin, book) == (4, 0)


def test_a_newcomer_buys_three_books_and_pays_for_two(
    bookstore: Bookstore, admin: Client, make_book: MakeBook, mailbox: Path
) -> None:
    books = [make_book(cents=cents) for cents in (1500, 1000, 700)]
    reader = newcomer(bookstore.http)
    assert len(reader.get("/v1/books?pageSize=3")["books"]) == 3

    cart = fill_cart(reader, books)
    quote = cart["quote"]
    assert (minor(quote["subtotal"]), minor(quote["discountTotal"]), minor(quote["total"])) == (3200, 700, 2500)
    free = next(line for line in quote["lines"] if line["book"] == books[2])
    assert minor(free["total"]) == 0

    placed = reader.send("POST", "/v1/orders", order_for(cart))
    assert (placed.status, placed.body["state"]) == (201, "STATE_CONFIRMED"), placed
    assert placed.headers["location"] == f"/v1/{placed.body['name']}"
    assert minor(placed.body["quote"]["total"]) == 2500

    for book in books:
        eventually(partial(sold_one, admin, book))
    payment = eventually(lambda: _captured(reader, placed.body["payment"]))
    assert (minor(payment["capturedAmount"]), minor(payment["refundedAmount"])) == (2500, 0)
    assert admin.get("/v1/ledger:trialBalance")["balanced"] is True
    eventually(lambda: reader.get("/v1/carts/me").get("items", []) == [])

    order_id = placed.body["name"].removeprefix("orders/")
    mail = eventually(lambda: [file for file in mailbox.rglob("new/*") if order_id in file.read_text()])
    assert len(mail) == 1
    sent = reader.get("/v1/users/me/notifications")["notifications"]
    assert [notification["state"] for notification in sent] == ["STATE_SENT"]


def _captured(reader: Client, payment: str) -> dict[str, object] | None:
    found: dict[str, object] = reader.get(f"/v1/{payment}")
    return found if found["state"] == "STATE_CAPTURED" else None


def test_one_trace_reaches_from_the_edge_to_the_mail(bookstore: Bookstore, make_book: MakeBook) -> None:
    reader = newcomer(bookstore.http)
    cart = fill_cart(reader, [make_book()])
    trace_id = uuid4().hex
    placed = reader.send("POST", "/v1/orders", order_for(cart), traceparent=f"00-{trace_id}-00f067aa0ba902b7-01")
    assert placed.body["state"] == "STATE_CONFIRMED"

    def services_in_trace() -> bool:
        seen = set()
        for file in (bookstore.data_dir / "traces").glob("*.jsonl"):
            if any(trace_id in line for line in file.read_text().splitlines()):
                seen.add(file.stem)
        return {"orders", "inventory", "payments", "notifications"} <= seen

    eventually(services_in_trace)
    access_log = bookstore.data_dir / "logs" / "edge-access.log"
    eventually(lambda: trace_id in access_log.read_text())
    lines = [json.loads(line) for line in access_log.read_text().splitlines() if trace_id in line]
    assert any("/v1/orders" in json.dumps(line) for line in lines)


def test_a_declined_card_rejects_the_order_and_changes_nothing(
    bookstore: Bookstore, admin: Client, make_book: MakeBook
) -> None:
    book = make_book(copies=2)
    reader = newcomer(bookstore.http)
    cart = fill_cart(reader, [book])
    order = reader.post("/v1/orders", order_for(cart, "pm_declined"))
    assert (order["state"], order["rejectReason"]) == ("STATE_REJECTED", "PAYMENT_DECLINED")
    eventually(lambda: stock_of(admin, book) == (2, 0))
    payment = reader.get(f"/v1/payments/{order['name'].removeprefix('orders/')}")
    assert (payment["state"], minor(payment["capturedAmount"])) == ("STATE_DECLINED", 0)
    assert len(reader.get("/v1/carts/me")["items"]) == 1


def test_the_same_request_id_is_the_same_order(bookstore: Bookstore, admin: Client, make_book: MakeBook) -> None:
    book = make_book(copies=5)
    reader = newcomer(bookstore.http)
    request = order_for(fill_cart(reader, [book]))
    with ThreadPoolExecutor(8) as pool:
        orders = list(pool.map(lambda _: reader.send("POST", "/v1/orders", request), range(8)))
    names = {answer.body.get("name") for answer in orders if answer.status in (200, 201)}
    assert len(names) == 1, orders
    again = reader.post("/v1/orders", request)
    assert {again["name"]} == names
    settled(reader, again["name"])
    eventually(lambda: stock_of(admin, book) == (4, 0))
    assert len(reader.get("/v1/orders")["orders"]) == 1
    other = reader.send("POST", "/v1/orders", {**request, "paymentMethod": "pm_declined"})
    assert (other.status, other.reason) == (400, "REQUEST_ID_REUSED")


def test_the_idempotency_key_header_counts_as_request_id(bookstore: Bookstore, make_book: MakeBook) -> None:
    reader = newcomer(bookstore.http)
    body = {"book": make_book(), "quantity": 2}
    key = str(uuid4())
    first = reader.send("POST", "/v1/carts/me:addItem", body, Idempotency_Key=key)
    second = reader.send("POST", "/v1/carts/me:addItem", body, Idempotency_Key=key)
    assert first.body == second.body
    assert second.body["items"][0]["quantity"] == 2


def test_of_two_buyers_of_the_last_copy_one_gets_it(bookstore: Bookstore, make_book: MakeBook, admin: Client) -> None:
    book = make_book(copies=1)
    readers = [newcomer(bookstore.http) for _ in range(2)]
    requests = [order_for(fill_cart(reader, [book])) for reader in readers]
    with ThreadPoolExecutor(2) as pool:
        placed = list(pool.map(lambda pair: pair[0].post("/v1/orders", pair[1]), zip(readers, requests, strict=True)))
    ended = [settled(reader, order["name"]) for reader, order in zip(readers, placed, strict=True)]
    outcomes = sorted((order["state"], order.get("rejectReason", "")) for order in ended)
    assert outcomes == [("STATE_CONFIRMED", ""), ("STATE_REJECTED", "OUT_OF_STOCK")]
    eventually(lambda: stock_of(admin, book) == (0, 0))


def test_a_guest_fills_a_cart_and_takes_it_along_when_signing_in(bookstore: Bookstore, make_book: MakeBook) -> None:
    guest = Client(bookstore.http)
    cart = fill_cart(guest, [make_book(), make_book()], guest.post("/v1/carts")["name"])
    reader = newcomer(bookstore.http)
    merged = reader.post("/v1/carts/me:merge", {"source": cart["name"], "requestId": str(uuid4())})
    assert len(merged["items"]) == 2
    assert guest.send("GET", f"/v1/{cart['name']}").status == 404


def test_a_cancelled_order_gives_back_money_and_stock(bookstore: Bookstore, admin: Client, make_book: MakeBook) -> None:
    book = make_book(copies=3)
    reader = newcomer(bookstore.http)
    order = reader.post("/v1/orders", order_for(fill_cart(reader, [book])))
    eventually(lambda: _captured(reader, order["payment"]))
    cancelled = reader.post(f"/v1/{order['name']}:cancel", {"requestId": str(uuid4())})
    assert cancelled["state"] == "STATE_CANCELLED"
    eventually(lambda: stock_of(admin, book) == (3, 0))
    payment = eventually(lambda: _refunded(reader, order["payment"]))
    assert minor(payment["refundedAmount"]) == minor(payment["capturedAmount"]) == 1000
    assert admin.get("/v1/ledger:trialBalance")["balanced"] is True


def _refunded(reader: Client, payment: str) -> dict[str, object] | None:
    found: dict[str, object] = reader.get(f"/v1/{payment}")
    return found if found["state"] == "STATE_REFUNDED" else None


def test_the_price_that_was_accepted_is_the_price_that_is_charged(
    bookstore: Bookstore, admin: Client, make_book: MakeBook
) -> None:
    book = make_book(cents=1000)
    reader = newcomer(bookstore.http)
    request = order_for(fill_cart(reader, [book]))
    price = {"currencyCode": "EUR", "units": "12"}
    changed = admin.send("PATCH", f"/v1/{book}?updateMask=price", {"price": price})
    assert changed.status == 200, changed
    refused = reader.send("POST", "/v1/orders", request)
    assert (refused.status, refused.reason) == (400, "PRICE_CHANGED")


def test_the_book_page_gathers_book_stock_and_promotions(bookstore: Bookstore, make_book: MakeBook) -> None:
    book = make_book(copies=2)
    page = Client(bookstore.http).get(f"/v1/pages/{book}")
    assert (page["book"]["name"], page["stock"]["available"]) == (book, 2)
    assert page["availability"] == "AVAILABILITY_AVAILABLE"
    assert "onHand" not in page["stock"]
    assert page.get("degraded", []) == []


def test_the_status_names_every_service(bookstore: Bookstore) -> None:
    status = Client(bookstore.http).get("/v1/status")
    assert status["state"] == "STATE_SERVING"
    assert {service["name"] for service in status["services"]} >= {"catalog", "orders", "payments", "notifications"}
    assert all(service["version"] for service in status["services"])


def test_digital_books_need_no_address(bookstore: Bookstore, make_book: MakeBook) -> None:
    book = make_book(copies=0, format="FORMAT_EBOOK")
    reader = newcomer(bookstore.http)
    request = order_for(fill_cart(reader, [book]))
    assert request.pop("shippingAddress") == ADDRESS
    order = settled(reader, reader.post("/v1/orders", request)["name"])
    assert order["state"] == "STATE_CONFIRMED"
