"""Documents fit on a screen."""

from __future__ import annotations

from pathlib import Path

import pytest

import services

ROOT = Path(services.__file__).parents[1]
DOCUMENTS = [
    path for pattern in ("*.md", "docs/**/*.md", "envoy/*.md", "bench/**/*.md") for path in sorted(ROOT.glob(pattern))
]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_line_is_longer_than_120_characters_but_rows_of_tables(document: Path) -> None:
    lines = document.read_text(encoding="utf-8").splitlines()
    long = [number for number, line in enumerate(lines, 1) if len(line) > 120 and not line.startswith("|")]
    assert not long, f"{document.name}: lines {long}"
