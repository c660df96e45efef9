"""Reservations through the front door, as orders sees it."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import grpc
import pytest
from bookstore.inventory.v1.inventory_events_pb2 import (
    ReservationCommitted,
    ReservationExpired,
    ReservationReleased,
    ReservedCopies,
    StockReserved,
)
from bookstore.inventory.v1.inventory_service_pb2 import (
    CommitReservationRequest,
    GetReservationRequest,
    ReleaseReservationRequest,
    ReserveStockRequest,
)
from bookstore.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from bookstore.inventory.v1.reservation_pb2 import Reservation, ReservationLine

from chassis.testing import FakeClock, Served, refused
from services.inventory.settings import InventorySettings
from tests.integration.test_inventory.stocks import (
    adjust,
    commit,
    counts,
    events,
    lines,
    moved,
    release,
    reserve,
    sweep,
)
from tests.sql import sql_of

Code = grpc.StatusCode
QUARTER = timedelta(minutes=15)


@pytest.fixture(autouse=True)
def shelves(staff: InventoryServiceStub) -> None:
    adjust(staff, "dune", 5)
    adjust(staff, "emma", 2)


def reservation(orders: InventoryServiceStub, order: str) -> Reservation:
    return orders.GetReservation(GetReservationRequest(name=f"reservations/{order}"))


def versions(inventory: Served) -> list[tuple[str, int]]:
    """Names and versions of the events after those of the shelves."""
    return [(type(one).__name__, one.version) for one in events(inventory)[2:]]  # type: ignore[attr-defined]


class TestReserve:
    def test_the_copies_are_set_aside_for_fifteen_minutes(
        self, inventory: Served, staff: InventoryServiceStub, orders: InventoryServiceStub
    ) -> None:
        made = reserve(orders, "o1", emma=2, dune=3)
        assert (made.name, made.order, made.state) == ("reservations/o1", "orders/o1", Reservation.STATE_ACTIVE)
        assert list(made.lines) == lines(dune=3, emma=2)
        assert made.create_time.ToJsonString() == "2026-01-02T03:04:05Z"
        assert made.expire_time.ToJsonString() == "2026-01-02T03:19:05Z"
        assert reservation(orders, "o1") == made
        assert (counts(staff, "dune"), counts(staff, "emma")) == ((2, 5, 3), (0, 2, 2))
        event = events(inventory)[-1]
        assert isinstance(event, StockReserved)
        assert (event.reservation, event.order, event.version) == ("reservations/o1", "orders/o1", 1)
        copies = [("books/dune", 3), ("books/emma", 2)]
        assert list(event.lines) == [ReservedCopies(book=book, quantity=quantity) for book, quantity in copies]

    def test_all_lines_or_none(
        self, inventory: Served, staff: InventoryServiceStub, orders: InventoryServiceStub
    ) -> None:
        with refused(Code.FAILED_PRECONDITION, "OUT_OF_STOCK") as refusal:
            reserve(orders, "o1", dune=1, emma=3)
        assert refusal.metadata == {"book": "books/emma", "asked": "3", "available": "2"}
        assert refusal.domain == "inventory.bookstore"
        assert (counts(staff, "dune"), counts(staff, "emma")) == ((5, 5, 0), (2, 2, 0))
        assert versions(inventory) == []
        with refused(Code.NOT_FOUND, "RESERVATION_NOT_FOUND"):
            reservation(orders, "o1")
        assert reserve(orders, "o1", dune=1, emma=2).state == Reservation.STATE_ACTIVE

    def test_a_book_without_stock_has_no_copies(self, orders: InventoryServiceStub) -> None:
        with refused(Code.FAILED_PRECONDITION, "OUT_OF_STOCK") as refusal:
            reserve(orders, "o1", ulysses=1)
        assert refusal.metadata == {"book": "books/ulysses", "asked": "1", "available": "0"}

    def test_lines_of_one_book_add_up(self, staff: InventoryServiceStub, orders: InventoryServiceStub) -> None:
        twice = lines(dune=2) + lines(emma=1) + lines(dune=1)
        made = orders.ReserveStock(ReserveStockRequest(order="orders/o1", lines=twice))
        assert list(made.lines) == lines(dune=3, emma=1)
        with refused(Code.FAILED_PRECONDITION, "OUT_OF_STOCK") as refusal:
            orders.ReserveStock(ReserveStockRequest(order="orders/o2", lines=lines(dune=2) + lines(dune=1)))
        assert (refusal.metadata["asked"], counts(staff, "dune")) == ("3", (2, 5, 3))

    def test_a_repeat_answers_the_reservation_as_it_is_now(
        self, inventory: Served, staff: InventoryServiceStub, orders: InventoryServiceStub
    ) -> None:
        made = reserve(orders, "o1", dune=3, emma=1)
        assert reserve(orders, "o1", emma=1, dune=3) == made
        assert counts(staff, "dune") == (2, 5, 3)
        done = commit(orders, "o1")
        assert reserve(orders, "o1", dune=3, emma=1) == done
        assert versions(inventory) == [("StockReserved", 1), ("ReservationCommitted", 2)]

    def test_other_lines_are_refused(self, staff: InventoryServiceStub, orders: InventoryServiceStub) -> None:
        reserve(orders, "o1", dune=3)
        with refused(Code.ALREADY_EXISTS, "RESERVATION_MISMATCH") as refusal:
            reserve(orders, "o1", dune=4)
        assert refusal.metadata == {"reservation": "reservations/o1"}
        assert counts(staff, "dune") == (2, 5, 3)

    def test_a_release_that_came_first_lets_nothing_be_reserved(
        self, inventory: Served, staff: InventoryServiceStub, orders: InventoryServiceStub
    ) -> None:
        kept = release(orders, "o1")
        assert (kept.state, list(kept.lines)) == (Reservation.STATE_RELEASED, [])
        assert not kept.HasField("expire_time")
        with refused(Code.FAILED_PRECONDITION, "RESERVATION_RELEASED") as refusal:
            reserve(orders, "o1", dune=1)
        assert refusal.metadata == {"reservation": "reservations/o1"}
        assert counts(staff, "dune") == (5, 5, 0)
        assert versions(inventory) == []

    @pytest.mark.parametrize(
        ("request_", "field"),
        [
            (ReserveStockRequest(order="o1", lines=lines(dune=1)), "order"),
            (ReserveStockRequest(order="orders/o1"), "lines"),
            (ReserveStockRequest(order="orders/o1", lines=lines(dune=1) * 101), "lines"),
            (ReserveStockRequest(order="orders/o1", lines=lines(dune=0)), "lines[0].quantity"),
            (ReserveStockRequest(order="orders/o1", lines=lines(dune=100)), "lines[0].quantity"),
            (ReserveStockRequest(order="orders/o1", lines=[ReservationLine(quantity=1)]), "lines[0].book"),
        ],
    )
    def test_bad_input_names_the_field(
        self, orders: InventoryServiceStub, request_: ReserveStockRequest, field: str
    ) -> None:
        with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
            orders.ReserveStock(request_)
        assert refusal.fields == [field]

    def test_it_is_one_transaction_of_few_statements(self, inventory: Served, orders: InventoryServiceStub) -> None:
        with sql_of(inventory.runtime.database) as statements:
            reserve(orders, "o1", dune=1, emma=1)
        assert len(statements) == 5  # reservation, one move a book, ledger, outbox


class TestCommit:
    def test_reserved_copies_leave_the_house(
        self, inventory: Served, staff: InventoryServiceStub, orders: InventoryServiceStub
    ) -> None:
        reserve(orders, "o1", dune=3)
        done = commit(orders, "o1")
        assert done.state == Reservation.STATE_COMMITTED
        assert counts(staff, "dune") == (2, 2, 0)
        assert moved(staff, "dune") == [("RECEIVED", 5, 0), ("RESERVED", 0, 3), ("SOLD", -3, -3)]
        event = events(inventory)[-1]
        assert isinstance(event, ReservationCommitted)
        assert (list(event.lines), event.version) == ([ReservedCopies(book="books/dune", quantity=3)], 2)
        assert commit(orders, "o1") == done
        assert counts(staff, "dune") == (2, 2, 0)

    def test_unknown_and_released_ones(self, orders: InventoryServiceStub) -> None:
        with refused(Code.NOT_FOUND, "RESERVATION_NOT_FOUND") as refusal:
            commit(orders, "o1")
        assert refusal.metadata == {"reservation": "reservations/o1"}
        reserve(orders, "o1", dune=3)
        release(orders, "o1")
        with refused(Code.FAILED_PRECONDITION, "RESERVATION_RELEASED"):
            commit(orders, "o1")

    def test_an_overdue_one_that_was_not_swept_is_committed(
        self, staff: InventoryServiceStub, orders: InventoryServiceStub, inventory: Served, clock: FakeClock
    ) -> None:
        reserve(orders, "o1", dune=3)
        clock.advance(2 * QUARTER)
        assert commit(orders, "o1").state == Reservation.STATE_COMMITTED
        sweep(inventory)
        assert counts(staff, "dune") == (2, 2, 0)

    def test_an_expired_one_takes_the_copies_again_if_they_are_there(
        self, staff: InventoryServiceStub, orders: InventoryServiceStub, inventory: Served, clock: FakeClock
    ) -> None:
        reserve(orders, "o1", dune=3)
        reserve(orders, "o2", dune=2, emma=1)
        clock.advance(QUARTER)
        sweep(inventory)
        assert commit(orders, "o1").state == Reservation.STATE_COMMITTED
        assert counts(staff, "dune") == (2, 2, 0)
        reserve(orders, "o3", dune=1)
        with refused(Code.FAILED_PRECONDITION, "RESERVATION_EXPIRED") as refusal:
            commit(orders, "o2")
        assert refusal.metadata == {"reservation": "reservations/o2"}
        assert reservation(orders, "o2").state == Reservation.STATE_EXPIRED
        assert (counts(staff, "dune"), counts(staff, "emma")) == ((1, 2, 1), (2, 2, 0))


class TestExpiry:
    def test_copies_come_back_when_the_time_is_over(
        self, inventory: Served, staff: InventoryServiceStub, orders: InventoryServiceStub, clock: FakeClock
    ) -> None:
        reserve(orders, "o1", dune=3)
        clock.advance(QUARTER - timedelta(microseconds=1))
        sweep(inventory)
        assert counts(staff, "dune") == (2, 5, 3)
        reserve(orders, "o2", dune=1)
        clock.advance(timedelta(microseconds=1))
        sweep(inventory)
        sweep(inventory)
        assert counts(staff, "dune") == (4, 5, 1)
        assert moved(staff, "dune")[-1] == ("EXPIRED", 0, -3)
        assert reservation(orders, "o1").state == Reservation.STATE_EXPIRED
        event = events(inventory)[-1]
        assert isinstance(event, ReservationExpired)
        assert (event.order, event.version, event.lines[0].quantity) == ("orders/o1", 2, 3)
        assert release(orders, "o1").state == Reservation.STATE_EXPIRED
        assert reserve(orders, "o1", dune=3).state == Reservation.STATE_EXPIRED

    def test_the_settings(self, inventory: Served) -> None:
        settings = InventorySettings(reservation_ttl_seconds=60, sweep_seconds=2)
        assert (settings.time_to_live, settings.sweep_every) == (timedelta(minutes=1), timedelta(seconds=2))
        (worker,) = inventory.service.workers
        assert (worker.name, worker.every) == ("expire-reservations", timedelta(seconds=5))

    def test_the_sweep_reads_an_index(self, inventory: Served) -> None:
        with sql_of(inventory.runtime.database) as statements:
            sweep(inventory)
        (looked,) = statements
        plan = inventory.runtime.database.read(
            lambda connection: connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {looked}").all()
        )
        (step,) = plan
        assert "reservations_active" in step.detail


class TestRelease:
    def test_a_promise_ends_whole(
        self, inventory: Served, staff: InventoryServiceStub, orders: InventoryServiceStub
    ) -> None:
        reserve(orders, "o1", dune=3, emma=1)
        ended = release(orders, "o1", dune=1)
        assert ended.state == Reservation.STATE_RELEASED
        assert (counts(staff, "dune"), counts(staff, "emma")) == ((5, 5, 0), (2, 2, 0))
        assert moved(staff, "dune")[-1] == ("RELEASED", 0, -3)
        event = events(inventory)[-1]
        assert isinstance(event, ReservationReleased)
        assert [copies.quantity for copies in event.lines] == [3, 1]
        assert release(orders, "o1") == ended
        assert versions(inventory) == [("StockReserved", 1), ("ReservationReleased", 2)]

    def test_sold_copies_come_back_line_by_line(
        self, inventory: Served, staff: InventoryServiceStub, orders: InventoryServiceStub
    ) -> None:
        reserve(orders, "o1", dune=3, emma=1)
        commit(orders, "o1")
        first = release(orders, "o1", dune=1)
        assert first.state == Reservation.STATE_COMMITTED
        assert [line.returned_quantity for line in first.lines] == [1, 0]
        assert counts(staff, "dune") == (3, 3, 0)
        second = release(orders, "o1", dune=1)
        assert [line.returned_quantity for line in second.lines] == [2, 0]
        with refused(Code.FAILED_PRECONDITION, "RETURN_EXCEEDS_RESERVATION") as refusal:
            release(orders, "o1", emma=1, dune=2)
        assert refusal.metadata == {"book": "books/dune"}
        last = release(orders, "o1")
        assert (last.state, [line.returned_quantity for line in last.lines]) == (Reservation.STATE_RELEASED, [3, 1])
        assert (counts(staff, "dune"), counts(staff, "emma")) == ((5, 5, 0), (2, 2, 0))
        assert moved(staff, "dune")[-1] == ("RETURNED", 1, 0)
        assert [version for _, version in versions(inventory)] == [1, 2, 3, 4, 5]
        assert release(orders, "o1") == last

    def test_a_return_counts_once_per_request_id_whoever_repeats_it(
        self, inventory: Served, staff: InventoryServiceStub, orders: InventoryServiceStub, clock: FakeClock
    ) -> None:
        reserve(orders, "o1", dune=3)
        commit(orders, "o1")
        key = str(uuid4())
        for_a_user = inventory.stub(InventoryServiceStub, user="users/1", service="orders")
        first = release(for_a_user, "o1", key, dune=1)
        assert release(for_a_user, "o1", key, dune=1) == first
        assert release(orders, "o1", key, dune=1) == first
        clock.advance(timedelta(days=3))
        inventory.runtime.answers.purge()
        assert release(orders, "o1", key, dune=1) == first
        assert counts(staff, "dune") == (3, 3, 0)
        with refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED"):
            release(orders, "o1", key, dune=2)

    @pytest.mark.parametrize("request_id", ["", "no uuid"])
    def test_a_key_is_required(self, orders: InventoryServiceStub, request_id: str) -> None:
        with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
            orders.ReleaseReservation(ReleaseReservationRequest(name="reservations/o1", request_id=request_id))
        assert refusal.fields == ["request_id"]


def test_only_orders_may_call(inventory: Served) -> None:
    everyone = (
        inventory.stub(InventoryServiceStub),
        inventory.stub(InventoryServiceStub, user="users/1"),
        inventory.stub(InventoryServiceStub, user="users/staff", roles=("staff", "admin")),
        inventory.stub(InventoryServiceStub, service="carts"),
    )
    for stub in everyone:
        with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
            reserve(stub, "o1", dune=1)
        with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
            stub.CommitReservation(CommitReservationRequest(name="reservations/o1"))
        with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
            release(stub, "o1")
        with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
            reservation(stub, "o1")
