"""The one limit of time that tests know."""

from __future__ import annotations

from typing import Final

HANG_SECONDS: Final = 120.0
"""After this a test counts as hung. Not a measure of speed: a machine five times slower than a laptop stays far below
it, also while other programs keep its cores busy."""
