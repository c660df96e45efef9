"""Pauses between attempts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

_MOST_DOUBLINGS: Final = 32  # keeps the product within the range of timedelta


@dataclass(frozen=True, slots=True)
class Backoff:
    """Pauses that begin with `first` and double with every failure in a row, up to `longest`."""

    first: timedelta
    longest: timedelta

    def pause(self, failures: int) -> timedelta:
        """Returns the pause after `failures` failures in a row; zero after none."""
        if failures <= 0:
            return timedelta()
        doublings: int = 2 ** min(failures - 1, _MOST_DOUBLINGS)
        return min(self.first * doublings, self.longest)
