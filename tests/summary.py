"""Prints a line for each half of `make test`: `python tests/summary.py FILE...`, the JUnit files that pytest wrote."""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree


def line(report: Path) -> str:
    """The name of the half, its counts and its seconds; says so when pytest did not get as far as writing them."""
    try:
        suites = ElementTree.parse(report).getroot().findall("testsuite")
    except (OSError, ElementTree.ParseError):
        return f"{report.stem}: no result"
    count = {key: sum(int(suite.get(key, 0)) for suite in suites) for key in ("tests", "failures", "errors", "skipped")}
    failed, skipped = count["failures"] + count["errors"], count["skipped"]
    seconds = sum(float(suite.get("time", 0)) for suite in suites)
    passed = count["tests"] - failed - skipped
    return f"{report.stem}: {passed} passed, {failed} failed, {skipped} skipped in {seconds:.0f} s"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line(Path(name))}\n" for name in sys.argv[1:])
