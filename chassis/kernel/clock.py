"""The clock port: the only place where the system's time is read."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The present moment, with time zone UTC."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        """The present moment, with time zone UTC."""
        return datetime.now(UTC)


def monotonic() -> float:
    """Seconds on a clock that never goes back; for durations and deadlines, not for dates."""
    return time.monotonic()
