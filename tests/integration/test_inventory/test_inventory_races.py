"""Many at once want the same copies: through the front door, and on each engine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import grpc
import pytest
from bookstore.inventory.v1.inventory_errors import OutOfStock
from bookstore.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from bookstore.inventory.v1.reservation_pb2 import Reservation

from chassis.database import Database
from chassis.errors import remote_error
from chassis.idempotency import IdempotencyStore
from chassis.kernel import Caller, Role, SystemIds
from chassis.migrations import drift
from chassis.outbox import Outbox
from chassis.paging import PageRequest
from chassis.testing import FakeClock, Served
from services.inventory import stock_ledger, store
from services.inventory.adjust_stock import AdjustStock
from services.inventory.expire_reservations import ExpireReservations
from services.inventory.queries import InventoryQueries, StockQuery
from services.inventory.reserve_stock import ReserveStock
from services.inventory.stock import Adjustment, Cause, Move, State
from tests.integration.test_inventory.stocks import adjust, commit, counts, release, reserve

BUYERS, COPIES = 40, 10


class EveryBook:
    """A catalog that has every book printed."""

    def require_printed(self, book_id: str) -> None:
        """Every book is printed."""


def attempt(stub: InventoryServiceStub, order: str, copies: dict[str, int]) -> str:
    try:
        reserve(stub, order, **copies)
    except grpc.RpcError as error:
        return remote_error(error, "inventory").reason
    return "OK"


def test_forty_buyers_of_ten_copies_get_ten(
    inventory: Served, staff: InventoryServiceStub, orders: InventoryServiceStub
) -> None:
    adjust(staff, "dune", COPIES)
    with ThreadPoolExecutor(BUYERS) as pool:
        outcomes = Counter(pool.map(lambda buyer: attempt(orders, f"o{buyer}", {"dune": 1}), range(BUYERS)))
    assert outcomes == {"OK": COPIES, "OUT_OF_STOCK": BUYERS - COPIES}
    assert counts(staff, "dune") == (0, COPIES, COPIES)


def test_one_order_asked_for_by_many_at_once_reserves_once(
    staff: InventoryServiceStub, orders: InventoryServiceStub
) -> None:
    adjust(staff, "dune", COPIES)
    with ThreadPoolExecutor(8) as pool:
        outcomes = set(pool.map(lambda _: attempt(orders, "o1", {"dune": 4}), range(16)))
    assert outcomes == {"OK"}
    assert counts(staff, "dune") == (6, COPIES, 4)


def test_commit_and_release_at_once_end_one_way(staff: InventoryServiceStub, orders: InventoryServiceStub) -> None:
    adjust(staff, "dune", COPIES)
    for number in range(5):
        reserve(orders, f"o{number}", dune=2)

    def end(number: int) -> str:
        try:
            (commit if number % 2 else release)(orders, f"o{number // 2}")
        except grpc.RpcError as error:
            return remote_error(error, "inventory").reason
        return "OK"

    with ThreadPoolExecutor(10) as pool:
        outcomes = set(pool.map(end, range(10)))
    assert outcomes <= {"OK", "RESERVATION_RELEASED"}
    assert counts(staff, "dune") == (COPIES, COPIES, 0)  # a release after the commit brought the copies back


STAFF = Caller(user="users/staff", roles=frozenset({Role.STAFF}))


class Shop:
    """The use cases on one database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.clock = FakeClock()
        outbox = Outbox(self.clock, SystemIds(), source="//bookstore/inventory")
        shared: Any = {
            "database": database,
            "answers": IdempotencyStore(database, self.clock),
            "clock": self.clock,
            "outbox": outbox,
        }
        self.adjusting = AdjustStock(**shared, books=EveryBook())
        self.reserving = ReserveStock(**shared, time_to_live=timedelta(minutes=15))
        self.expiry = ExpireReservations(database=database, reserve_stock=self.reserving, clock=self.clock)

    def receive(self, book_id: str, delta: int) -> None:
        adjustment = Adjustment(book_id=book_id, delta=delta, cause=Cause.RECEIVED)
        self.adjusting.adjust(adjustment, STAFF)

    def reserve(self, order_id: str, copies: dict[str, int]) -> str:
        try:
            state = self.reserving.reserve(order_id, copies).state
        except OutOfStock as refusal:
            return refusal.reason
        return str(Reservation.State.Name(state)).removeprefix("STATE_")

    def reserved(self, book_id: str) -> int:
        stock = self.database.read(lambda c: store.find_stock(c, book_id))
        return stock.reserved if stock else 0


@pytest.fixture
def shop(database_url: str) -> Iterator[Shop]:
    assert drift("inventory", store.metadata, database_url) == []
    database = Database(database_url, name="inventory")
    yield Shop(database)
    database.close()


def test_two_titles_wanted_in_opposite_order(shop: Shop) -> None:
    for book_id in ("a", "b"):
        shop.receive(book_id, 5)
    wanted = [{"a": 1, "b": 1}, {"b": 1, "a": 1}]
    with ThreadPoolExecutor(6) as pool:
        outcomes = Counter(pool.map(lambda n: shop.reserve(f"o{n}", wanted[n % 2]), range(12)))
    assert outcomes == {State.ACTIVE: 5, OutOfStock.reason: 7}
    assert (shop.reserved("a"), shop.reserved("b")) == (5, 5)


def test_stocks_are_locked_in_the_order_of_their_books(shop: Shop) -> None:
    for book_id in ("a", "b"):
        shop.receive(book_id, 5)
    moves = [Move(book_id=book_id, cause=Cause.RESERVED, reserved=1) for book_id in ("b", "a")]
    made = shop.database.transact(lambda tx: stock_ledger.record(tx, moves, now=shop.clock.now()))
    assert [movement.stock.book_id for movement in made] == ["a", "b"]


def test_a_life_on_each_engine(shop: Shop) -> None:
    shop.receive("a", 5)
    shop.reserve("o1", {"a": 2})
    shop.reserve("o2", {"a": 1})
    queries = InventoryQueries(shop.database)
    assert shop.reserving.commit("o1") == queries.reservation("o1")
    for _ in range(2):
        back = shop.reserving.release("o1", {"a": 1}, request_id="k")
    assert (back.lines[0].returned_quantity, back) == (1, queries.reservation("o1"))
    shop.clock.advance(timedelta(minutes=15))
    with ThreadPoolExecutor(3) as pool:
        for sweep in [pool.submit(shop.expiry.sweep) for _ in range(3)]:
            sweep.result()
    assert queries.reservation("o2").state == Reservation.STATE_EXPIRED
    stock = queries.stock("a", STAFF)
    assert (stock.on_hand, stock.reserved, stock.etag) == (4, 0, '"6"')
    wanted = StockQuery(filter="available >= 4 AND on_hand < 9223372036854775807", order_by="available desc")
    assert queries.stocks(wanted, PageRequest(size=1), STAFF).items == (stock,)
    causes = partial(queries.movements, "a")
    assert [entry.reason for entry in causes("order = orders/o1", PageRequest(size=9)).items] == [
        Cause.RETURNED,
        Cause.SOLD,
        Cause.RESERVED,
    ]
