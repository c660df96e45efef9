"""The same shop on PostgreSQL, by a setting."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from chassis.channel import known_services
from tests.e2e.shop import Client, Json, fill_cart, minor, newcomer, order_for, settled
from tests.e2e.stack import Bookstore
from tests.integration.servers import PostgresUnavailable, postgres, wait_until

SOLD_OUT_SOON = "books/9780618346264"


@pytest.fixture
def bookstore_on_postgres(tmp_path: Path) -> Iterator[Bookstore]:
    try:
        with postgres() as socket:
            with psycopg.connect(f"host={socket} user=postgres dbname=postgres", autocommit=True) as server:
                for service in known_services():
                    server.execute(f"CREATE DATABASE {service}")
            url = f"postgresql+psycopg://postgres@/{{service}}?host={socket}"
            store = Bookstore(tmp_path, BOOKSTORE_DATABASE_URL=url, BOOKSTORE_DATABASE_POOL_SIZE="6")
            store.start()
            try:
                yield store
                store.interrupt()
            finally:
                store.kill()
    except PostgresUnavailable as reason:
        pytest.skip(str(reason))


def test_parallel_purchases_on_postgres(bookstore_on_postgres: Bookstore) -> None:
    shop = bookstore_on_postgres.http
    available = Client(shop).get(f"/v1/{SOLD_OUT_SOON.replace('books', 'stocks')}")["available"]

    def buy(reader: Client) -> Json:
        cart = fill_cart(reader, [SOLD_OUT_SOON] * 3)
        assert minor(cart["quote"]["discountTotal"]) == minor(cart["items"][0]["unitPrice"])
        return settled(reader, reader.post("/v1/orders", order_for(cart))["name"])

    with ThreadPoolExecutor(4) as pool:
        orders = list(pool.map(buy, [newcomer(shop) for _ in range(4)]))
    assert [order["state"] for order in orders] == ["STATE_CONFIRMED"] * 4
    left = Client(shop).get(f"/v1/{SOLD_OUT_SOON.replace('books', 'stocks')}")["available"]
    assert left == available - 12
    assert list((bookstore_on_postgres.data_dir / "db").glob("*.sqlite3")) == []


def test_a_database_that_is_lost_stops_the_sale_and_is_named(bookstore_on_postgres: Bookstore) -> None:
    assert "ok    BOOKSTORE_DATABASE_URL" in bookstore_on_postgres.command("doctor").stdout
    folder = Path(bookstore_on_postgres.environment["BOOKSTORE_DATABASE_URL"].partition("host=")[2])
    os.kill(int((folder / "postmaster.pid").read_text().split()[0]), signal.SIGINT)  # fast shutdown
    client = Client(bookstore_on_postgres.http)
    wait_until(lambda: client.send("GET", "/v1/status").status == 503, 120)
    wait_until(lambda: bookstore_on_postgres.command("status").stdout.splitlines()[-1].startswith("NOT_SERVING"), 120)
    lost = next(
        line
        for line in bookstore_on_postgres.command("status").stdout.splitlines()
        if line.startswith("database cannot be used by ")
    )
    assert "BOOKSTORE_DATABASE_URL" in lost
    assert "FAIL  BOOKSTORE_DATABASE_URL" in bookstore_on_postgres.command("doctor").stdout
