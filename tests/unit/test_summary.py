"""The closing lines of `make test`."""

from __future__ import annotations

from pathlib import Path

from tests.summary import line


def test_a_half_is_summed_up_in_a_line(tmp_path: Path) -> None:
    report = tmp_path / "test-shop.xml"
    report.write_text(
        '<testsuites><testsuite tests="9" failures="1" errors="1" skipped="2" time="3.6"></testsuite></testsuites>'
    )
    assert line(report) == "test-shop: 5 passed, 2 failed, 2 skipped in 4 s"


def test_a_half_that_broke_off_is_said_to_have_no_result(tmp_path: Path) -> None:
    assert line(tmp_path / "test-services.xml") == "test-services: no result"


def test_coverage_is_summed_up_in_a_line(tmp_path: Path) -> None:
    report = tmp_path / "coverage.xml"
    report.write_text('<coverage line-rate="0.934" branch-rate="0.8"></coverage>')
    assert line(report) == "coverage: 93% of lines, 80% of branches"
