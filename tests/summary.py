"""Prints a line for each half of `make test` and one for coverage.

`python tests/summary.py FILE...` reads the JUnit files and the Cobertura file that pytest wrote.
"""

from __future__ import annotations

import sys
from pathlib import Path
from xml.etree import ElementTree


def line(report: Path) -> str:
    """The name of the half, its counts and its seconds; says so when pytest did not get as far as writing them."""
    try:
        root = ElementTree.parse(report).getroot()
    except (OSError, ElementTree.ParseError):
        return f"{report.stem}: no result"
    if root.tag == "coverage":
        lines, branches = (float(root.get(key, 0)) for key in ("line-rate", "branch-rate"))
        return f"{report.stem}: {lines:.0%} of lines, {branches:.0%} of branches"
    suites = root.findall("testsuite")
    count = {key: sum(int(suite.get(key, 0)) for suite in suites) for key in ("tests", "failures", "errors", "skipped")}
    failed, skipped = count["failures"] + count["errors"], count["skipped"]
    seconds = sum(float(suite.get("time", 0)) for suite in suites)
    passed = count["tests"] - failed - skipped
    return f"{report.stem}: {passed} passed, {failed} failed, {skipped} skipped in {seconds:.0f} s"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line(Path(name))}\n" for name in sys.argv[1:])
