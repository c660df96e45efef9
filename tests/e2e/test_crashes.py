"""Processes are killed in the middle of purchases: orders end, money and stock stay consistent."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from uuid import uuid4

import pytest

from tests.e2e.conftest import MakeBook
from tests.e2e.shop import Answer, Client, Json, eventually, fill_cart, minor, newcomer, order_for, settled
from tests.e2e.stack import Bookstore
from tests.limits import HANG_SECONDS

SERVICES = ["identity", "catalog", "inventory", "carts", "promotions", "orders", "payments", "notifications"]
_COPIES = 12
_BUYERS = 3


@pytest.fixture
def readers(bookstore: Bookstore) -> list[Client]:
    return [newcomer(bookstore.http) for _ in range(_BUYERS)]


def placed(reader: Client, request: Json) -> Json:
    """Repeats the same request as a careful client does until there is an answer; nothing else is safe to assume."""

    def attempt() -> Answer | None:
        answer = reader.send("POST", "/v1/orders", request)
        return None if answer.status >= 500 else answer

    answer: Answer = eventually(attempt)
    assert answer.status in (200, 201), answer
    return settled(reader, answer.body["name"])


@pytest.mark.parametrize("service", SERVICES)
def test_killing_a_service_during_purchases_loses_and_doubles_nothing(
    bookstore: Bookstore, admin: Client, readers: list[Client], make_book: MakeBook, service: str
) -> None:
    book = make_book(copies=_COPIES)
    stock = "/v1/" + book.replace("books/", "stocks/")
    requests = [order_for(fill_cart(reader, [book])) for reader in readers]
    started = threading.Barrier(_BUYERS + 1)

    def buy(number: int) -> Json:
        started.wait()
        return placed(readers[number], requests[number])

    with ThreadPoolExecutor(_BUYERS) as pool:
        buying = [pool.submit(buy, number) for number in range(_BUYERS)]
        started.wait()
        old_pid = bookstore.kill_service(service)
        eventually(lambda: bookstore.is_back(service, old_pid))
        orders = [future.result(HANG_SECONDS) for future in buying]

    assert {order["state"] for order in orders} <= {"STATE_CONFIRMED", "STATE_REJECTED"}
    confirmed = [order for order in orders if order["state"] == "STATE_CONFIRMED"]

    def consistent() -> bool:
        found = admin.get(stock)
        return (found["onHand"], found["reserved"]) == (_COPIES - len(confirmed), 0)

    eventually(consistent)
    for owner, order in zip(readers, orders, strict=True):
        eventually(partial(_is_paid_right, owner, order))
        assert len(owner.get("/v1/orders")["orders"]) == 1
    assert admin.get("/v1/ledger:trialBalance")["balanced"] is True


def _owed(order: Json) -> int:
    return minor(order["quote"]["total"]) if order["state"] == "STATE_CONFIRMED" else 0


def _is_paid_right(owner: Client, order: Json) -> bool:
    return _paid(owner, order) == _owed(order)


def _paid(owner: Client, order: Json) -> int:
    answer = owner.send("GET", f"/v1/payments/{order['name'].removeprefix('orders/')}")
    if answer.status == 404:
        return 0
    return minor(answer.body.get("capturedAmount")) - minor(answer.body.get("refundedAmount"))


def test_the_edge_comes_back_too(bookstore: Bookstore) -> None:
    old_pid = bookstore.kill_service("envoy")
    eventually(lambda: bookstore.is_back("envoy", old_pid))
    assert newcomer(bookstore.http).post("/v1/carts", {"requestId": str(uuid4())})["name"].startswith("carts/")


def test_events_wait_for_a_broker_that_is_down(bookstore: Bookstore, make_book: MakeBook) -> None:
    reader = newcomer(bookstore.http)
    request = order_for(fill_cart(reader, [make_book()]))
    old_pid = bookstore.kill_service("nats")
    order = placed(reader, request)
    assert order["state"] == "STATE_CONFIRMED"
    eventually(lambda: bookstore.is_back("nats", old_pid))
    eventually(lambda: _told(reader))


def _told(reader: Client) -> bool:
    notifications = reader.get("/v1/users/me/notifications").get("notifications", [])
    return [notification["state"] for notification in notifications] == ["STATE_SENT"]
