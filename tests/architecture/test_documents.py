"""Documents fit on a screen, and their links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import services

ROOT = Path(services.__file__).parents[1]
PATTERNS = ("*.md", "docs/**/*.md", "*/README.md", "services/*/README.md", "bench/**/*.md")
DOCUMENTS = [path for pattern in PATTERNS for path in sorted(ROOT.glob(pattern))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_line_is_longer_than_120_characters_but_rows_of_tables_beside_the_readme(document: Path) -> None:
    lines = document.read_text(encoding="utf-8").splitlines()
    in_tables = document.name != "README.md" or document.parent != ROOT
    long = [n for n, line in enumerate(lines, 1) if len(line) > 120 and not (in_tables and line.startswith("|"))]
    assert not long, f"{document.name}: lines {long}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_within_the_repository_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text(encoding="utf-8"))
    missing = [link for link in links if not (document.parent / link).exists()]
    assert not missing, f"{document.name}: {missing}"
