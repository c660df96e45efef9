"""The life of a reservation, without anything running."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from bookstore.inventory.v1.inventory_errors import ReservationMismatch, ReservationReleased, ReturnExceedsReservation
from hypothesis import given
from hypothesis import strategies as st

from services.inventory.stock import Cause, Change, Line, Move, Reservation, State, promise, refusal_to_come

NOW = datetime(2026, 1, 2, tzinfo=UTC)
TIME_TO_LIVE = timedelta(minutes=15)
COPIES = {"emma": 1, "dune": 2}
SOME_COPIES = st.dictionaries(st.sampled_from(["a", "b", "c", "d"]), st.integers(1, 9), min_size=1)


def promised() -> Reservation:
    return promise("o1", COPIES, now=NOW, time_to_live=TIME_TO_LIVE).reservation


def committed() -> Reservation:
    return promised().commit().reservation


def expired() -> Reservation:
    return promised().expire(NOW + TIME_TO_LIVE).reservation


def deltas(change: Change) -> list[tuple[str, Cause, int, int]]:
    return [(move.book_id, move.cause, move.on_hand, move.reserved) for move in change.moves]


def test_a_promise_sets_copies_aside_sorted_by_book() -> None:
    change = promise("o1", COPIES, now=NOW, time_to_live=TIME_TO_LIVE)
    assert change.reservation == Reservation(
        id="o1",
        state=State.ACTIVE,
        lines=(Line(book_id="dune", quantity=2), Line(book_id="emma", quantity=1)),
        create_time=NOW,
        expire_time=NOW + TIME_TO_LIVE,
    )
    assert deltas(change) == [("dune", Cause.RESERVED, 0, 2), ("emma", Cause.RESERVED, 0, 1)]


def test_a_repeat_answers_what_became_of_it_unless_other_lines_are_asked_for() -> None:
    for reservation in (promised(), committed(), expired(), promised().release({}).reservation):
        assert reservation.repeat({"dune": 2, "emma": 1}) is reservation
        for other in ({"dune": 2}, {"dune": 1, "emma": 1}, {**COPIES, "x": 1}):
            with pytest.raises(ReservationMismatch):
                reservation.repeat(other)


def test_a_release_that_came_first_refuses_everything() -> None:
    tombstone = refusal_to_come("o1", now=NOW)
    with pytest.raises(ReservationReleased):
        tombstone.repeat(COPIES)
    with pytest.raises(ReservationReleased):
        tombstone.commit()
    assert tombstone.release({}) == Change(reservation=tombstone)


def test_a_commit_takes_promised_copies_and_after_expiry_available_ones() -> None:
    assert deltas(promised().commit()) == [("dune", Cause.SOLD, -2, -2), ("emma", Cause.SOLD, -1, -1)]
    assert deltas(expired().commit()) == [("dune", Cause.SOLD, -2, 0), ("emma", Cause.SOLD, -1, 0)]
    assert (committed().state, committed().version) == (State.COMMITTED, 2)
    assert committed().commit() == Change(reservation=committed())


def test_the_end_of_a_promise_looks_at_no_lines() -> None:
    change = promised().release({"unknown": 7})
    assert deltas(change) == [("dune", Cause.RELEASED, 0, -2), ("emma", Cause.RELEASED, 0, -1)]
    assert change.reservation.state is State.RELEASED
    with pytest.raises(ReservationReleased):
        change.reservation.commit()


def test_returns_come_back_line_by_line_until_all_are_back() -> None:
    first = committed().release({"dune": 1})
    assert deltas(first) == [("dune", Cause.RETURNED, 1, 0)]
    assert (first.reservation.state, first.reservation.lines[0].returned) == (State.COMMITTED, 1)
    rest = first.reservation.release({})
    assert deltas(rest) == [("dune", Cause.RETURNED, 1, 0), ("emma", Cause.RETURNED, 1, 0)]
    assert (rest.reservation.state, rest.reservation.version) == (State.RELEASED, 4)
    assert rest.reservation.release({}).moves == ()


@pytest.mark.parametrize("copies", [{"dune": 3}, {"dune": 1, "emma": 2}, {"unknown": 1}])
def test_no_more_comes_back_than_left(copies: dict[str, int]) -> None:
    with pytest.raises(ReturnExceedsReservation):
        committed().release(copies)


def test_a_promise_expires_at_its_moment_and_only_while_active() -> None:
    assert promised().expire(NOW + TIME_TO_LIVE - timedelta(microseconds=1)).moves == ()
    assert deltas(promised().expire(NOW + TIME_TO_LIVE)) == [
        ("dune", Cause.EXPIRED, 0, -2),
        ("emma", Cause.EXPIRED, 0, -1),
    ]
    for reservation in (committed(), expired(), refusal_to_come("o2", now=NOW)):
        assert reservation.expire(NOW + timedelta(days=9)) == Change(reservation=reservation)


def test_a_release_of_an_expired_promise_changes_nothing() -> None:
    assert expired().release({}) == Change(reservation=expired())


@given(copies=SOME_COPIES, late=st.booleans(), back=st.booleans())
def test_the_moves_of_a_life_add_up_to_what_left_the_house(copies: dict[str, int], late: bool, back: bool) -> None:
    change = promise("o1", copies, now=NOW, time_to_live=TIME_TO_LIVE)
    moves: list[Move] = [*change.moves]
    if late:
        change = change.reservation.expire(NOW + TIME_TO_LIVE)
        moves += change.moves
    change = change.reservation.commit()
    moves += change.moves
    if back:
        moves += change.reservation.release({}).moves
    for book_id, quantity in copies.items():
        mine = [move for move in moves if move.book_id == book_id]
        assert sum(move.reserved for move in mine) == 0
        assert sum(move.on_hand for move in mine) == (0 if back else -quantity)
