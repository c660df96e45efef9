"""What settings reach the edge."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.console.settings import load_settings
from tools.console.stack import assemble


@pytest.mark.parametrize(
    ("variables", "of_a_million"),
    [
        ({}, 100_000),
        ({"BOOKSTORE_TRACE_SAMPLE": "0.25"}, 250_000),
        ({"BOOKSTORE_TRACE_SAMPLE": "1", "BOOKSTORE_TRACES": "off"}, 0),
    ],
)
def test_the_share_of_recorded_traces_is_decided_at_the_edge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], of_a_million: int
) -> None:
    for name in ("BOOKSTORE_TRACE_SAMPLE", "BOOKSTORE_TRACES", "BOOKSTORE_OTLP_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"BOOKSTORE_DATA_DIR": str(tmp_path), **variables}.items():
        monkeypatch.setenv(name, value)
    settings = load_settings()
    assemble(settings)
    for listener in ("json", "grpc"):
        written = (settings.folder.run / "listeners" / f"{listener}.json").read_text()
        assert f'"numerator": {of_a_million},' in written


@pytest.mark.parametrize(("environment", "told"), [("development", True), ("production", False)])
def test_demo_customers_are_told_of_in_development_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: str, told: bool
) -> None:
    monkeypatch.setenv("BOOKSTORE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("BOOKSTORE_ENVIRONMENT", environment)
    stack = assemble(load_settings())
    assert stack.environment == environment
    assert any("demo customers" in what for what in stack.places) is told
