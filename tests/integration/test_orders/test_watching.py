"""A watch that nothing happens to still shows life."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

from chassis.kernel import Caller
from services.orders.reading import Watching
from tests.integration.test_orders.fakes import Shop
from tests.integration.test_orders.stand import BUYER, CART, TOTAL, Machine, wish


def test_an_unchanged_order_is_sent_again_after_a_while(tmp_path: Path) -> None:
    shop = Shop(copies=10, shipping=390)
    shop.carts.put(CART, {"books/dune": 2, "books/emma": 1})
    machine = Machine(tmp_path, shop)
    try:
        order = machine.process.place(wish(TOTAL))
        watching = Watching(machine.process.runtime.database, repeat_seconds=0.01)
        buyer = Caller(user=BUYER, roles=frozenset())
        messages = watching.watch(order.name.removeprefix("orders/"), buyer, is_wanted=lambda: True)
        seen = [(found.version, last) for found, last in islice(messages, 3)]
        assert len(set(seen)) == 1
        assert seen[0][1] is False
    finally:
        machine.close()
