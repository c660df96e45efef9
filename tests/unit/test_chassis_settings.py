"""Bad settings are named with their variable."""

from __future__ import annotations

import pytest

from chassis.settings import ChassisSettings, Misconfigured, TraceExport, read_settings
from services.carts.settings import CartsSettings


@pytest.mark.parametrize(
    ("variable", "value", "kind"),
    [
        ("BOOKSTORE_THREADS", "0", ChassisSettings),
        ("BOOKSTORE_TRACES", "maybe", ChassisSettings),
        ("BOOKSTORE_CARTS_GUEST_DAYS", "-1", CartsSettings),
    ],
)
def test_a_bad_value_names_its_variable(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, kind: type[ChassisSettings]
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured, match=f"{variable}: "):
        read_settings(kind)


@pytest.mark.parametrize(
    ("traces", "endpoint", "export"),
    [
        (None, "", TraceExport.FILE),
        (None, "http://127.0.0.1:4318", TraceExport.OTLP),
        ("off", "http://127.0.0.1:4318", TraceExport.OFF),
        ("otlp", "http://127.0.0.1:4318", TraceExport.OTLP),
    ],
)
def test_an_endpoint_is_only_the_default_place_for_traces(
    traces: str | None, endpoint: str, export: TraceExport
) -> None:
    settings = ChassisSettings(otlp_endpoint=endpoint, traces=TraceExport(traces) if traces else None)
    assert settings.trace_export is export
    assert settings.traced is (export is not TraceExport.OFF)


def test_otlp_without_an_endpoint_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKSTORE_TRACES", "otlp")
    with pytest.raises(Misconfigured, match=r"BOOKSTORE_TRACES: .*BOOKSTORE_OTLP_ENDPOINT"):
        read_settings(ChassisSettings)


def test_a_value_that_is_no_json_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKSTORE_TARGETS", "x")
    with pytest.raises(Misconfigured, match=r"targets.*valid JSON"):
        read_settings(ChassisSettings)


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("BOOKSTORE_THREADS", "many", "must be a whole number"),
        ("BOOKSTORE_THREADS", "0", "must be at least 2"),
        ("BOOKSTORE_METRICS_PORT", "70000", "must be at most 65535"),
        ("BOOKSTORE_TRACE_SAMPLE", "x", "must be a number"),
        ("BOOKSTORE_LOG_LEVEL", "loud", "must be one of debug, info, warning, error"),
        ("BOOKSTORE_TRACES", "maybe", "must be one of off, console, file, otlp"),
        ("BOOKSTORE_ENVIRONMENT", "prod", "must be one of development, production"),
    ],
)
def test_a_bad_value_is_told_in_plain_words(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, problem: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(Misconfigured, match=f"^{variable}: {problem}$"):
        read_settings(ChassisSettings)
