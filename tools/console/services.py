"""Which services there are. Imports next to nothing: every service process loads it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).resolve().parents[2]
"""Root of the repository: `services/`, `generated/` and `envoy/` lie below it."""


def service_names(source: Path = SOURCE) -> tuple[str, ...]:
    """Every service of the repository: the folders of `services/` with a composition root."""
    return tuple(sorted(root.parent.name for root in (source / "services").glob("*/app.py")))
