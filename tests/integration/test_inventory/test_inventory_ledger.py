"""Whatever happens to stocks and reservations, the ledger explains it, on a real database."""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from bookstore.inventory.v1.inventory_errors import (
    OutOfStock,
    ReservationExpired,
    ReservationMismatch,
    ReservationNotFound,
    ReservationReleased,
    ReturnExceedsReservation,
    StockInsufficient,
)
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import func, select

from chassis.database import Database
from chassis.idempotency import IdempotencyStore
from chassis.kernel import ANONYMOUS, SystemIds
from chassis.outbox import Outbox
from chassis.testing import FakeClock, migrated_database
from services.inventory import store
from services.inventory.adjust_stock import AdjustStock
from services.inventory.expire_reservations import ExpireReservations
from services.inventory.reserve_stock import ReserveStock
from services.inventory.stock import Adjustment, Cause, Reservation, State, Stock

BOOKS = st.sampled_from(["a", "b"])
ORDERS = st.sampled_from(["o1", "o2", "o3"])
COPIES = st.dictionaries(BOOKS, st.integers(1, 3), min_size=1)
SOME = st.dictionaries(BOOKS, st.integers(1, 3))
KEYS = st.sampled_from(["k1", "k2", "k3"])
TIME_TO_LIVE = timedelta(minutes=15)


class EveryBook:
    """A catalog that has every book printed."""

    def require_printed(self, book_id: str) -> None:
        """Every book is printed."""


class Shelves(RuleBasedStateMachine):
    """Two books and three orders; duplicates come about because orders and keys are few."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="bookstore-ledger-"))
        self.database = Database(migrated_database("inventory", self.folder), name="inventory")
        self.clock = FakeClock()
        outbox = Outbox(self.clock, SystemIds(), source="//bookstore/inventory")
        shared: Any = {
            "database": self.database,
            "answers": IdempotencyStore(self.database, self.clock),
            "clock": self.clock,
            "outbox": outbox,
        }
        self.adjusting = AdjustStock(**shared, books=EveryBook())
        self.reserving = ReserveStock(**shared, time_to_live=TIME_TO_LIVE)
        self.expiry = ExpireReservations(database=self.database, reserve_stock=self.reserving, clock=self.clock)
        self.keys_used: set[tuple[str, str]] = set()

    def teardown(self) -> None:
        """Leaves nothing behind."""
        self.database.close()
        shutil.rmtree(self.folder)

    def stock(self, book_id: str) -> Stock | None:
        return self.database.read(lambda c: store.find_stock(c, book_id))

    def available(self, book_id: str) -> int:
        stock = self.stock(book_id)
        return stock.available if stock else 0

    def reservation(self, order_id: str) -> Reservation | None:
        return self.database.read(lambda c: store.lock_reservation(c, order_id))

    @initialize()
    def copies_arrive(self) -> None:
        for book_id in ("a", "b"):
            self.adjust(book_id, 6, Cause.RECEIVED)

    @rule(
        book_id=BOOKS,
        delta=st.integers(-4, 6).filter(bool),
        cause=st.sampled_from([Cause.RECEIVED, Cause.DAMAGED, Cause.CORRECTION]),
    )
    def adjust(self, book_id: str, delta: int, cause: Cause) -> None:
        before = self.available(book_id)
        adjustment = Adjustment(book_id=book_id, delta=delta, cause=cause)
        if before + delta < 0:
            with pytest.raises(StockInsufficient):
                self.adjusting.adjust(adjustment, ANONYMOUS)
            return
        assert self.adjusting.adjust(adjustment, ANONYMOUS).available == before + delta

    @rule(order_id=ORDERS, copies=COPIES)
    def reserve(self, order_id: str, copies: dict[str, int]) -> None:
        known = self.reservation(order_id)
        enough = all(self.available(book_id) >= quantity for book_id, quantity in copies.items())
        outcome = self.outcome(order_id, lambda: self.reserving.reserve(order_id, copies))
        if known is None:
            assert (outcome is OutOfStock) is not enough
        elif not known.lines:
            assert outcome is ReservationReleased
        else:
            assert outcome == (known if known.copies == copies else ReservationMismatch)

    @rule(order_id=ORDERS)
    def commit(self, order_id: str) -> None:
        known = self.reservation(order_id)
        outcome = self.outcome(order_id, lambda: self.reserving.commit(order_id))
        if known is None:
            assert outcome is ReservationNotFound
        elif known.state is State.RELEASED:
            assert outcome is ReservationReleased
        elif known.state is State.EXPIRED and outcome is ReservationExpired:
            assert any(self.available(book_id) < quantity for book_id, quantity in known.copies.items())
        else:
            assert outcome.state is State.COMMITTED

    @rule(order_id=ORDERS, copies=SOME, key=KEYS)
    def release(self, order_id: str, copies: dict[str, int], key: str) -> None:
        known = self.reservation(order_id)
        outcome = self.outcome(order_id, lambda: self.reserving.release(order_id, copies, request_id=key))
        if known is None:
            assert (outcome.state, outcome.lines) == (State.RELEASED, ())
        elif known.state in (State.RELEASED, State.EXPIRED):
            assert outcome == known
        elif known.state is State.ACTIVE:
            assert outcome.state is State.RELEASED
        elif (order_id, key) in self.keys_used:
            assert outcome == known
        elif outcome is not ReturnExceedsReservation:
            self.keys_used.add((order_id, key))
            back = sum(line.returned for line in outcome.lines) - sum(line.returned for line in known.lines)
            assert back == sum(copies.values() if copies else (line.out for line in known.lines))

    @rule(minutes=st.sampled_from([5, 15]), swept=st.booleans())
    def time_passes(self, minutes: int, swept: bool) -> None:
        self.clock.advance(timedelta(minutes=minutes))
        if swept:
            self.sweep()

    @rule(order_id=ORDERS)
    def commit_too_late(self, order_id: str) -> None:
        self.clock.advance(TIME_TO_LIVE)
        self.sweep()
        self.commit(order_id)

    def sweep(self) -> None:
        self.expiry.sweep()
        for order_id in ("o1", "o2", "o3"):
            known = self.reservation(order_id)
            if known is not None and known.state is State.ACTIVE:
                assert known.expire_time is not None
                assert self.clock.now() < known.expire_time

    @invariant()
    def the_ledger_sums_to_the_stock(self) -> None:
        ledger = store.MOVEMENTS.c
        sums = (
            select(
                ledger.book_id,
                func.sum(ledger.on_hand_delta).label("on_hand"),
                func.sum(ledger.reserved_delta).label("reserved"),
                func.count().label("version"),
            )
            .group_by(ledger.book_id)
            .order_by(ledger.book_id)
        )
        summed = self.database.read(lambda c: c.execute(sums).all())
        stocks = [stock for stock in map(self.stock, ("a", "b")) if stock is not None]
        assert [tuple(row) for row in summed] == [(s.book_id, s.on_hand, s.reserved, s.version) for s in stocks]
        assert all(0 <= stock.reserved <= stock.on_hand for stock in stocks)

    @invariant()
    def reserved_is_what_active_reservations_hold(self) -> None:
        held: Counter[str] = Counter()
        sold: Counter[str] = Counter()
        for order_id in ("o1", "o2", "o3"):
            reservation = self.reservation(order_id)
            for line in reservation.lines if reservation else ():
                assert reservation is not None
                held[line.book_id] += line.quantity if reservation.state is State.ACTIVE else 0
                sold[line.book_id] += line.out if reservation.state is State.COMMITTED else 0
        for book_id in ("a", "b"):
            stock = self.stock(book_id)
            assert held[book_id] == (stock.reserved if stock else 0)
            assert sold[book_id] == -self.moved(book_id, Cause.SOLD) - self.moved(book_id, Cause.RETURNED)

    def moved(self, book_id: str, cause: Cause) -> int:
        ledger = store.MOVEMENTS.c
        total = select(func.coalesce(func.sum(ledger.on_hand_delta), 0)).where(
            ledger.book_id == book_id, ledger.cause == cause.value
        )
        return int(self.database.read(lambda c: c.execute(total).scalar_one()))

    def outcome(self, order_id: str, command: Callable[[], object]) -> Any:
        """What a command makes of the reservation, or the type of its refusal."""
        try:
            command()
            return self.reservation(order_id)
        except (
            OutOfStock,
            ReservationExpired,
            ReservationMismatch,
            ReservationNotFound,
            ReservationReleased,
            ReturnExceedsReservation,
        ) as refusal:
            return type(refusal)


TestShelves = Shelves.TestCase
TestShelves.settings = settings(
    max_examples=30,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # twenty steps are short enough; shrinking takes minutes
)
