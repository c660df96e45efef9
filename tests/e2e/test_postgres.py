"""The same shop on PostgreSQL, by a setting."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from chassis.channel import known_services
from tests.e2e.shop import Client, Json, fill_cart, minor, newcomer, order_for, settled
from tests.e2e.stack import Bookstore
from tests.integration.real_parts import PostgresUnavailable, postgres

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
