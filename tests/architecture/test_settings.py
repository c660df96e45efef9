"""Every setting is documented."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

import services

ROOT = Path(services.__file__).parents[1]
SETTINGS = sorted(path.parent.name for path in (ROOT / "services").glob("*/settings.py"))


@pytest.mark.parametrize("package", SETTINGS)
def test_every_setting_stands_in_the_readme(package: str) -> None:
    module = importlib.import_module(f"services.{package}.settings")
    readme = (ROOT / "README.md").read_text()
    kinds = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, BaseSettings) and kind.__module__ == module.__name__
    ]
    assert kinds
    for kind in kinds:
        for name in kind.model_fields:
            variable = f"{kind.model_config['env_prefix']}{name}".upper()
            assert f"`{variable}`" in readme, f"{variable} is missing in the settings table of README.md"
