"""Stocks through the front door: reading them, adjusting them, and their ledger."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from bookstore.inventory.v1.inventory_events_pb2 import StockAdjusted
from bookstore.inventory.v1.inventory_service_pb2 import (
    AdjustStockRequest,
    GetStockRequest,
    ListStockMovementsRequest,
    ListStocksRequest,
)
from bookstore.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from bookstore.inventory.v1.stock_pb2 import Stock

from chassis.testing import FakeClock, Served, refused, running
from services.inventory.app import build
from tests.integration.test_inventory.stocks import adjust, counts, events, moved, movements, reserve
from tests.sql import sql_of

Code = grpc.StatusCode


class TestGetStock:
    def test_staff_see_all_and_customers_what_is_available(
        self,
        staff: InventoryServiceStub,
        customer: InventoryServiceStub,
        anyone: InventoryServiceStub,
        orders: InventoryServiceStub,
    ) -> None:
        adjust(staff, "dune", 5)
        reserve(orders, "o1", dune=2)
        request = GetStockRequest(name="stocks/dune")
        seen = staff.GetStock(request)
        assert (seen.name, seen.book, seen.etag) == ("stocks/dune", "books/dune", '"2"')
        assert (seen.available, seen.on_hand, seen.reserved) == (3, 5, 2)
        assert seen.update_time.ToJsonString() == "2026-01-02T03:04:05Z"
        for stub in (customer, anyone):
            stock = stub.GetStock(request)
            assert stock.available == 3
            assert not stock.HasField("on_hand")
            assert not stock.HasField("reserved")

    def test_zero_is_said_to_staff(self, staff: InventoryServiceStub) -> None:
        adjust(staff, "dune", 1)
        adjust(staff, "dune", -1, "DAMAGED")
        stock = staff.GetStock(GetStockRequest(name="stocks/dune"))
        assert stock.HasField("on_hand")
        assert stock.HasField("reserved")

    def test_a_book_without_stock(self, anyone: InventoryServiceStub) -> None:
        with refused(Code.NOT_FOUND, "STOCK_NOT_FOUND") as refusal:
            anyone.GetStock(GetStockRequest(name="stocks/dune"))
        assert (refusal.metadata, refusal.domain) == ({"stock": "stocks/dune"}, "inventory.bookstore")

    @pytest.mark.parametrize("name", ["", "books/dune", "stocks/", "stocks/a/b", "stocks/A"])
    def test_a_malformed_name(self, anyone: InventoryServiceStub, name: str) -> None:
        with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
            anyone.GetStock(GetStockRequest(name=name))
        assert refusal.fields == ["name"]

    def test_it_takes_one_statement(self, inventory: Served, staff: InventoryServiceStub) -> None:
        adjust(staff, "dune", 1)
        with sql_of(inventory.runtime.database) as statements:
            staff.GetStock(GetStockRequest(name="stocks/dune"))
        assert len(statements) == 1


class TestAdjustStock:
    def test_the_first_adjustment_opens_the_stock(self, inventory: Served, staff: InventoryServiceStub) -> None:
        stock = adjust(staff, "dune", 7, note="from the printer")
        assert (stock.available, stock.on_hand, stock.reserved, stock.etag) == (7, 7, 0, '"1"')
        (movement,) = movements(staff, "dune")
        assert movement.name == "stocks/dune/movements/1"
        assert (movement.reason, movement.on_hand_delta, movement.reserved_delta) == ("RECEIVED", 7, 0)
        assert (movement.on_hand, movement.reserved, movement.order) == (7, 0, "")
        assert (movement.user, movement.note) == ("users/staff", "from the printer")
        (event,) = events(inventory)
        assert isinstance(event, StockAdjusted)
        assert (event.stock, event.book, event.delta, event.reason) == ("stocks/dune", "books/dune", 7, "RECEIVED")
        assert (event.available, event.version) == (7, 1)

    @pytest.mark.parametrize("reason", ["RECEIVED", "RETURNED", "DAMAGED", "CORRECTION"])
    def test_every_reason_is_written_down(self, staff: InventoryServiceStub, reason: str) -> None:
        adjust(staff, "dune", 3)
        adjust(staff, "dune", -1, reason)
        assert moved(staff, "dune") == [("RECEIVED", 3, 0), (reason, -1, 0)]

    @pytest.mark.parametrize("book", ["nothing", "deleted"])
    def test_an_unknown_or_deleted_book_has_no_stock(
        self, inventory: Served, staff: InventoryServiceStub, book: str
    ) -> None:
        with refused(Code.NOT_FOUND, "BOOK_NOT_FOUND") as refusal:
            adjust(staff, book, 1)
        assert (refusal.metadata, refusal.domain) == ({"book": f"books/{book}"}, "inventory.bookstore")
        assert events(inventory) == []

    @pytest.mark.parametrize("book", ["file", "sound"])
    def test_a_digital_book_has_no_stock(self, staff: InventoryServiceStub, book: str) -> None:
        with refused(Code.FAILED_PRECONDITION, "BOOK_IS_DIGITAL") as refusal:
            adjust(staff, book, 1)
        assert refusal.metadata == {"book": f"books/{book}"}

    def test_promised_copies_cannot_be_taken_off(
        self, inventory: Served, staff: InventoryServiceStub, orders: InventoryServiceStub
    ) -> None:
        adjust(staff, "dune", 5)
        reserve(orders, "o1", dune=3)
        before = events(inventory)
        with refused(Code.FAILED_PRECONDITION, "STOCK_INSUFFICIENT") as refusal:
            adjust(staff, "dune", -3, "DAMAGED")
        assert refusal.metadata == {"available": "2", "delta": "-3"}
        assert counts(staff, "dune") == (2, 5, 3)
        assert events(inventory) == before
        assert adjust(staff, "dune", -2, "DAMAGED").available == 0

    def test_a_stock_is_not_opened_by_taking_off(self, staff: InventoryServiceStub) -> None:
        with refused(Code.FAILED_PRECONDITION, "STOCK_INSUFFICIENT") as refusal:
            adjust(staff, "dune", -1, "CORRECTION")
        assert refusal.metadata == {"available": "0", "delta": "-1"}
        with refused(Code.NOT_FOUND, "STOCK_NOT_FOUND"):
            staff.GetStock(GetStockRequest(name="stocks/dune"))

    def test_a_repeat_with_the_same_request_id_counts_once(self, staff: InventoryServiceStub) -> None:
        key = str(uuid4())
        first = adjust(staff, "dune", 2, request_id=key)
        adjust(staff, "dune", 1)
        assert adjust(staff, "dune", 2, request_id=key) == first
        assert counts(staff, "dune") == (3, 3, 0)
        with refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED"):
            adjust(staff, "dune", 3, request_id=key)

    def test_a_stock_has_an_upper_end(self, staff: InventoryServiceStub, inventory: Served) -> None:
        adjust(staff, "dune", 1_000_000)
        inventory.runtime.database.transact(
            lambda tx: tx.exec_driver_sql("UPDATE stocks SET on_hand = 1000000000").rowcount
        )
        with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
            adjust(staff, "dune", 1)
        assert refusal.fields == ["delta"]
        assert adjust(staff, "dune", -1, "DAMAGED").on_hand == 999_999_999

    @pytest.mark.parametrize(
        ("fields", "field"),
        [
            ({"name": "books/dune"}, "name"),
            ({"delta": 0}, "delta"),
            ({"delta": 1_000_001}, "delta"),
            ({"delta": -1_000_001}, "delta"),
            ({"reason": ""}, "reason"),
            ({"reason": "SOLD"}, "reason"),
            ({"note": "x" * 501}, "note"),
            ({"request_id": "no uuid"}, "request_id"),
        ],
    )
    def test_bad_input_names_the_field_and_changes_nothing(
        self, inventory: Served, staff: InventoryServiceStub, fields: dict[str, object], field: str
    ) -> None:
        request = AdjustStockRequest(name="stocks/dune", delta=1, reason="RECEIVED")
        for name, value in fields.items():
            setattr(request, name, value)
        with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
            staff.AdjustStock(request)
        assert refusal.fields == [field]
        assert events(inventory) == []

    def test_without_the_catalog_only_open_stocks_are_adjusted(
        self, tmp_path: Path, inventory: Served, staff: InventoryServiceStub
    ) -> None:
        adjust(staff, "dune", 1)
        with running("inventory", build, folder=tmp_path, targets={"catalog": "127.0.0.1:1"}) as alone:
            lonely = alone.stub(InventoryServiceStub, user="users/staff", roles=("staff",))
            assert adjust(lonely, "dune", 1).on_hand == 2
            with refused(Code.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"):
                adjust(lonely, "emma", 1)

    def test_it_is_one_transaction_of_few_statements(self, inventory: Served, staff: InventoryServiceStub) -> None:
        adjust(staff, "dune", 1)
        with sql_of(inventory.runtime.database) as statements:
            adjust(staff, "dune", 1)
        assert len(statements) == 5  # is it open; open, move, ledger, outbox


class TestListStocks:
    @pytest.fixture
    def three(self, staff: InventoryServiceStub, orders: InventoryServiceStub, clock: FakeClock) -> None:
        for book, copies in (("emma", 9), ("dune", 4), ("ulysses", 1)):
            adjust(staff, book, copies)
            clock.advance(timedelta(seconds=1))
        reserve(orders, "o1", emma=7)

    def listed(self, staff: InventoryServiceStub, text: str = "", order_by: str = "") -> list[str]:
        answer = staff.ListStocks(ListStocksRequest(filter=text, order_by=order_by))
        return [stock.name.removeprefix("stocks/") for stock in answer.stocks]

    @pytest.mark.usefixtures("three")
    @pytest.mark.parametrize(
        ("text", "order_by", "expected"),
        [
            ("", "", ["dune", "emma", "ulysses"]),
            ("", "name desc", ["ulysses", "emma", "dune"]),
            ("", "available", ["ulysses", "emma", "dune"]),
            ("", "on_hand desc", ["emma", "dune", "ulysses"]),
            ("", "reserved desc, available desc", ["emma", "dune", "ulysses"]),
            ("", "update_time", ["dune", "ulysses", "emma"]),
            ("available < 4", "", ["emma", "ulysses"]),
            ("available >= 2 AND reserved = 0", "", ["dune"]),
            ("onHand > 1 AND on_hand <= 9", "", ["dune", "emma"]),
            ("available = -5", "", []),
        ],
    )
    def test_filters_and_orders(
        self, staff: InventoryServiceStub, text: str, order_by: str, expected: list[str]
    ) -> None:
        assert self.listed(staff, text, order_by) == expected

    @pytest.mark.usefixtures("three")
    @pytest.mark.parametrize("order_by", ["", "available desc", "update_time desc"])
    def test_walking_the_pages_meets_every_stock_once(self, staff: InventoryServiceStub, order_by: str) -> None:
        request, seen = ListStocksRequest(page_size=1, order_by=order_by), list[Stock]()
        while not seen or request.page_token:
            page = staff.ListStocks(request)
            seen += page.stocks
            request.page_token = page.next_page_token
        assert seen == list(staff.ListStocks(ListStocksRequest(order_by=order_by)).stocks)
        assert len(seen) == 3
        assert all(stock.HasField("on_hand") for stock in seen)

    @pytest.mark.parametrize(
        ("request_", "reason", "field"),
        [
            (ListStocksRequest(filter="available != 3"), "FILTER_INVALID", "filter"),
            (ListStocksRequest(filter="available = many"), "FILTER_INVALID", "filter"),
            (ListStocksRequest(filter="book = dune"), "FILTER_INVALID", "filter"),
            (ListStocksRequest(order_by="etag"), "FILTER_INVALID", "order_by"),
            (ListStocksRequest(page_token="what"), "PAGE_TOKEN_INVALID", "page_token"),
            (ListStocksRequest(page_size=-1), "FIELD_INVALID", "page_size"),
        ],
    )
    def test_bad_input_names_the_field(
        self, staff: InventoryServiceStub, request_: ListStocksRequest, reason: str, field: str
    ) -> None:
        with refused(Code.INVALID_ARGUMENT, reason) as refusal:
            staff.ListStocks(request_)
        assert refusal.fields == [field]


class TestListStockMovements:
    def test_latest_first_page_by_page(self, staff: InventoryServiceStub) -> None:
        for delta in (1, 2, 3):
            adjust(staff, "dune", delta)
        adjust(staff, "emma", 9)
        request, seen = ListStockMovementsRequest(parent="stocks/dune", page_size=2), list[int]()
        first = staff.ListStockMovements(request)
        seen += [movement.on_hand for movement in first.movements]
        adjust(staff, "dune", 4)
        request.page_token = first.next_page_token
        second = staff.ListStockMovements(request)
        assert [*seen, *(movement.on_hand for movement in second.movements)] == [6, 3, 1]
        assert second.next_page_token == ""

    def test_filters(self, staff: InventoryServiceStub, orders: InventoryServiceStub, clock: FakeClock) -> None:
        adjust(staff, "dune", 5)
        clock.advance(timedelta(hours=1))
        reserve(orders, "o1", dune=1)
        reserve(orders, "o2", dune=1)
        assert [one.order for one in movements(staff, "dune", "order = orders/o1")] == ["orders/o1"]
        assert [one.user for one in movements(staff, "dune", "reason = RECEIVED")] == ["users/staff"]
        assert len(movements(staff, "dune", 'create_time > "2026-01-02T03:30:00Z" AND reason = RESERVED')) == 2
        assert movements(staff, "dune", "reason = SOLD") == []
        for text in ("reason != SOLD", "reason = STOLEN", "order = o1", "note = x", 'create_time = "2026-01-02"'):
            with refused(Code.INVALID_ARGUMENT, "FILTER_INVALID"):
                movements(staff, "dune", text)

    def test_a_book_without_stock(self, staff: InventoryServiceStub) -> None:
        with refused(Code.NOT_FOUND, "STOCK_NOT_FOUND") as refusal:
            movements(staff, "dune")
        assert refusal.metadata == {"stock": "stocks/dune"}


def test_staff_alone_list_and_adjust(customer: InventoryServiceStub, anyone: InventoryServiceStub) -> None:
    for stub, code, reason in (
        (customer, Code.PERMISSION_DENIED, "ROLE_REQUIRED"),
        (anyone, Code.UNAUTHENTICATED, "TOKEN_REQUIRED"),
    ):
        with refused(code, reason):
            stub.ListStocks(ListStocksRequest())
        with refused(code, reason):
            movements(stub, "dune")
        with refused(code, reason):
            adjust(stub, "dune", 1)
