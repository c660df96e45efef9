"""The clock port: the only place where the system's time is read."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """Returns the current time, with time zone UTC."""
        ...

    def monotonic(self) -> float:
        """Returns seconds on a clock that never goes back; for durations and deadlines, not for dates."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """Returns the current time, with time zone UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Returns the seconds of the system's monotonic clock."""
        return time.monotonic()


def monotonic() -> float:
    """Seconds on a clock that never goes back; for durations and deadlines, not for dates."""
    return time.monotonic()
