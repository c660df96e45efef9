"""A circuit breaker (Nygard, Release It!, 2nd edition, section 5.2)."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from chassis.kernel import Clock, SystemClock

T = TypeVar("T")


class Breaker:
    """Stops calls to a dependency that keeps failing, and lets one call at a time test whether it has recovered.

    Closed, all calls proceed; `threshold` failures in a row open it. Open, it rejects calls for `open_for`. Then it is
    half-open: one call proceeds, whose success closes it and whose failure opens it again; if that call never ends,
    another one proceeds after `open_for`. Outcomes of calls that began before it opened are ignored. Safe for use by
    several threads; no lock is held during a call.
    """

    def __init__(
        self,
        *,
        is_failure: Callable[[Exception], bool],
        rejection: Callable[[], Exception],
        threshold: int = 5,
        open_for: timedelta = timedelta(seconds=2),
        clock: Clock | None = None,
    ) -> None:
        """`is_failure` tells failures of the dependency from its other errors; `rejection` is raised while open."""
        self._is_failure = is_failure
        self._rejection = rejection
        self._threshold = threshold
        self._open_seconds = open_for.total_seconds()
        self._monotonic = (clock or SystemClock()).monotonic
        self._lock = threading.Lock()
        self._failures = 0  # in a row
        self._openings = 0
        self._next_attempt = 0.0

    def call(self, function: Callable[[], T]) -> T:
        """Returns what `function` returns. Raises what it raises, or the rejection without calling it."""
        opening = self._enter()
        try:
            result = function()
        except Exception as error:
            self._leave(opening, failed=self._is_failure(error))
            raise
        self._leave(opening, failed=False)
        return result

    def _enter(self) -> int:
        with self._lock:
            if self._failures >= self._threshold:
                now = self._monotonic()
                if now < self._next_attempt:
                    raise self._rejection()
                self._next_attempt = now + self._open_seconds
            return self._openings

    def _leave(self, opening: int, *, failed: bool) -> None:
        with self._lock:
            if opening != self._openings:
                return
            self._failures = self._failures + 1 if failed else 0
            if self._failures >= self._threshold:
                self._openings += 1
                self._next_attempt = self._monotonic() + self._open_seconds
