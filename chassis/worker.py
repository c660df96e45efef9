"""Background work: a function run again and again in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import structlog

from chassis.kernel import Backoff
from chassis.kernel.clock import monotonic

_BACKOFF: Final = Backoff(first=timedelta(seconds=1), longest=timedelta(seconds=5))

_log = structlog.get_logger(__name__)


class Worker:
    """Runs `run` at once, then `every` so often counted from its end, and when it is woken.

    A run that raises is logged and repeated after 1, 2, 4, then 5 seconds (or `every`, if longer); being woken does
    not shorten that pause. `every` zero means without a pause, for a function that itself waits for work.
    """

    def __init__(self, name: str, every: timedelta, run: Callable[[], None]) -> None:
        self.name = name
        self.every = every
        self.run = run
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._failures = 0

    @property
    def failures(self) -> int:
        """How many runs in a row have failed; 0 when the last one went well."""
        return self._failures

    @property
    def is_running(self) -> bool:
        """Whether the thread is alive."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Starts the thread. Raises RuntimeError when it was started before."""
        if self._thread is not None:
            raise RuntimeError(f"the worker {self.name} was started before")
        self._thread = threading.Thread(target=self._work, name=self.name, daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Asks for a run now. Cheap and safe from any thread; many calls before a run make one run."""
        self._woken.set()

    def stop(self, timeout: timedelta) -> bool:
        """Asks the thread to end after the run in hand and waits for it; says whether it ended in time."""
        self._stopping.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(timeout.total_seconds())
        return not self.is_running

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            began = monotonic()
            try:
                self.run()
            except Exception as error:  # noqa: BLE001  # background work has no caller; it is logged and repeated
                self._failures += 1
                _log.warning("worker failed", worker=self.name, failures=self._failures, exc_info=error)
                self._stopping.wait(max(_BACKOFF.pause(self._failures), self.every).total_seconds())
            else:
                if self._failures:
                    _log.info("worker recovered", worker=self.name, failures=self._failures)
                self._failures = 0
                _log.debug("worker ran", worker=self.name, seconds=round(monotonic() - began, 6))
                if self.every:
                    self._woken.wait(self.every.total_seconds())
