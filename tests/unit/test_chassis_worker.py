"""Background workers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from chassis.worker import Worker
from tests.limits import HANG_SECONDS

NEVER = timedelta(hours=1)
SOON = timedelta(milliseconds=1)
LONG = timedelta(seconds=HANG_SECONDS)


class Counting:
    """Work that counts its runs and lets a test wait for one of them."""

    def __init__(self, failing: int = 0) -> None:
        self._runs = 0
        self._failing = failing
        self._changed = threading.Condition()

    def __call__(self) -> None:
        with self._changed:
            self._runs += 1
            self._changed.notify_all()
            if self._runs <= self._failing:
                raise RuntimeError("planned")

    def reached(self, runs: int) -> bool:
        """Waits for that many runs."""
        with self._changed:
            return self._changed.wait_for(lambda: self._runs >= runs, HANG_SECONDS)


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    started: list[Worker] = []
    yield started
    for worker in started:
        assert worker.stop(LONG)


def start(workers: list[Worker], run: Counting, every: timedelta) -> Worker:
    worker = Worker(name="test", every=every, run=run)
    workers.append(worker)
    worker.start()
    return worker


def test_it_runs_at_once_and_again_when_woken(workers: list[Worker]) -> None:
    run = Counting()
    worker = start(workers, run, NEVER)
    assert run.reached(1)
    worker.wake()
    assert run.reached(2)


def test_it_repeats_by_itself(workers: list[Worker]) -> None:
    run = Counting()
    start(workers, run, SOON)
    assert run.reached(5)


def test_it_repeats_without_a_pause_when_told_so(workers: list[Worker]) -> None:
    run = Counting()
    start(workers, run, timedelta())
    assert run.reached(50)


def test_it_goes_on_after_a_failure_and_counts_failures_in_a_row(workers: list[Worker]) -> None:
    run = Counting(failing=1)
    worker = start(workers, run, SOON)
    assert run.reached(3)
    assert worker.failures == 0


def test_being_woken_does_not_shorten_the_pause_after_a_failure(workers: list[Worker]) -> None:
    run = Counting(failing=1)
    worker = start(workers, run, NEVER)
    assert run.reached(1)
    worker.wake()
    assert worker.is_running
    assert worker.stop(LONG)
    assert not worker.is_running


def test_stopping_waits_for_the_run_in_hand() -> None:
    entered, go, ended = threading.Event(), threading.Event(), threading.Event()

    def run() -> None:
        entered.set()
        go.wait(HANG_SECONDS)
        ended.set()

    worker = Worker(name="test", every=NEVER, run=run)
    worker.start()
    assert entered.wait(HANG_SECONDS)
    assert not worker.stop(timedelta())
    go.set()
    assert worker.stop(LONG)
    assert ended.is_set()


def test_it_starts_once() -> None:
    worker = Worker(name="test", every=NEVER, run=lambda: None)
    worker.start()
    with pytest.raises(RuntimeError, match="started before"):
        worker.start()
    assert worker.stop(LONG)
