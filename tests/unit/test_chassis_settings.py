"""Bad settings are named with their variable."""

from __future__ import annotations

import pytest

from services.carts.settings import CartsSettings
from services.chassis.settings import ChassisSettings, Misconfigured, read_settings


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


def test_a_value_that_is_no_json_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOOKSTORE_TARGETS", "x")
    with pytest.raises(Misconfigured, match=r"targets.*valid JSON"):
        read_settings(ChassisSettings)
