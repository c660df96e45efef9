"""A breaker opens, tests and closes; and pauses between attempts grow to a limit."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import pytest

from chassis.breaker import Breaker
from chassis.kernel import Backoff
from chassis.testing import FakeClock
from tests.limits import HANG_SECONDS

OPEN_FOR = timedelta(seconds=2)


class Down(Exception):
    """A failure of the dependency."""


class Rejected(Exception):
    """The breaker is open."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def breaker(clock: FakeClock) -> Breaker:
    return Breaker(
        is_failure=lambda error: isinstance(error, Down),
        rejection=Rejected,
        threshold=3,
        open_for=OPEN_FOR,
        clock=clock,
    )


def down() -> str:
    raise Down


def up() -> str:
    return "up"


def fail(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        with pytest.raises(Down):
            breaker.call(down)


def test_it_opens_after_failures_in_a_row_only(breaker: Breaker) -> None:
    fail(breaker, 2)
    assert breaker.call(up) == "up"
    fail(breaker, 2)
    assert breaker.call(up) == "up"
    fail(breaker, 3)
    with pytest.raises(Rejected):
        breaker.call(up)


def test_other_errors_show_that_the_dependency_works(breaker: Breaker) -> None:
    fail(breaker, 2)
    with pytest.raises(KeyError):
        breaker.call(lambda: os.environ["ABSENT"])
    fail(breaker, 2)
    assert breaker.call(up) == "up"


def test_a_success_after_the_pause_closes_it(breaker: Breaker, clock: FakeClock) -> None:
    fail(breaker, 3)
    clock.advance(OPEN_FOR)
    assert breaker.call(up) == "up"
    fail(breaker, 2)
    assert breaker.call(up) == "up"


def test_a_failure_after_the_pause_opens_it_again(breaker: Breaker, clock: FakeClock) -> None:
    fail(breaker, 3)
    clock.advance(OPEN_FOR)
    fail(breaker, 1)
    clock.advance(OPEN_FOR - timedelta(milliseconds=1))
    with pytest.raises(Rejected):
        breaker.call(up)


def test_half_open_it_lets_one_call_at_a_time_through(breaker: Breaker, clock: FakeClock) -> None:
    fail(breaker, 3)
    clock.advance(OPEN_FOR)
    with during(breaker, up):
        with pytest.raises(Rejected):
            breaker.call(up)
        clock.advance(OPEN_FOR)  # the test call hangs: another one may try
        assert breaker.call(up) == "up"


@pytest.mark.parametrize("outcome", [up, down])
def test_outcomes_of_calls_that_began_before_it_opened_are_ignored(
    breaker: Breaker, clock: FakeClock, outcome: Callable[[], str]
) -> None:
    with during(breaker, outcome):
        fail(breaker, 3)
        clock.advance(OPEN_FOR - timedelta(milliseconds=1))
    with pytest.raises(Rejected):
        breaker.call(up)
    clock.advance(timedelta(milliseconds=1))
    assert breaker.call(up) == "up"


class during:  # noqa: N801  # reads as a statement
    """A call of another thread that lasts as long as the block; it also shows that no lock is held meanwhile."""

    def __init__(self, breaker: Breaker, outcome: Callable[[], str]) -> None:
        self._entered, self._end = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(breaker, outcome))

    def _run(self, breaker: Breaker, outcome: Callable[[], str]) -> None:
        def act() -> str:
            self._entered.set()
            self._end.wait(HANG_SECONDS)
            return outcome()

        with suppress(Down):
            breaker.call(act)

    def __enter__(self) -> None:
        self._thread.start()
        assert self._entered.wait(HANG_SECONDS)

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(HANG_SECONDS)


def test_pauses_double_up_to_the_longest() -> None:
    backoff = Backoff(first=timedelta(seconds=1), longest=timedelta(seconds=5))
    assert [backoff.pause(failures).total_seconds() for failures in (0, 1, 2, 3, 4, 10_000)] == [0, 1, 2, 4, 5, 5]
