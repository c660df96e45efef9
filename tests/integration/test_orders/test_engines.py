"""Orders on each engine: the schema, the saga, and what a purchase costs in statements and commits."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bookstore.orders.v1.order_pb2 import Order
from bookstore.orders.v1.orders_requests_pb2 import RefundOrderRequest

from chassis.migrations import drift
from services.orders import store
from tests.integration.test_orders.fakes import Fault, Shop
from tests.integration.test_orders.harness import CART, Machine, wish
from tests.sql import sql_of

TOTAL = 2 * 999 + 333


@pytest.fixture
def machine(database_url: str, tmp_path: Path) -> Iterator[Machine]:
    assert drift("orders", store.metadata, database_url) == []
    shop = Shop()
    shop.carts.put(CART, {"books/dune": 2, "books/ebook": 1})
    machine = Machine(tmp_path, shop, database_url=database_url)
    yield machine
    machine.close()


def test_the_life_of_an_order(machine: Machine) -> None:
    machine.shop.faults.plan[1] = Fault.CRASH_AFTER
    with machine.mortal():
        machine.process.place(wish(TOTAL))
    machine.finish()
    order = machine.process.place(wish(TOTAL))
    assert order.state == Order.STATE_CONFIRMED
    part = RefundOrderRequest(name=order.name, restock=True)
    part.lines.add(book="books/dune", quantity=1)
    assert machine.process.refund(part).refunded_total.units == 9
    assert machine.process.cancel(order.name).state == Order.STATE_CANCELLED
    assert machine.shop.net_charge(order.name.removeprefix("orders/")) == 0
    assert machine.shop.sold() == {}
    assert machine.process.unfinished() == []


def test_parallel_buyers_and_workers(machine: Machine) -> None:
    machine.shop.faults.down.add("authorize")
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: machine.process.place(wish(TOTAL, number=number % 4)), range(12)))
        machine.shop.faults.down.clear()
        machine.clock.advance(timedelta(seconds=9))
        others = [machine.another() for _ in range(2)]
        list(pool.map(lambda process: process.work(), [machine.process, *others]))
        for other in others:
            other.close()
    assert len(machine.process.orders()) == 4
    assert machine.process.unfinished() == []
    outcomes = [machine.process.stored(order_id).state for order_id in machine.process.orders()]
    assert sorted(outcomes) == ["CONFIRMED", "CONFIRMED", "REJECTED", "REJECTED"]
    assert machine.shop.sold() == {"books/dune": 4}
    assert machine.shop.faults.taken.count("capture") == 2


def test_a_purchase_costs_three_transactions(machine: Machine) -> None:
    database = machine.process.runtime.database
    transactions = 0
    original = database.transact

    def counted(function: Any) -> Any:
        nonlocal transactions
        transactions += 1
        return original(function)

    database.transact = counted  # type: ignore[method-assign]  # counts, and passes on
    with sql_of(database) as statements:
        machine.process.place(wish(TOTAL))
    assert transactions == 3
    writes = [statement for statement in statements if statement.startswith(("INSERT", "UPDATE", "DELETE"))]
    assert len(writes) == 2 + 3 + 2  # order, event; order, steps, event; order, steps
