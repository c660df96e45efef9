"""Every setting is documented."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
from pydantic_settings import BaseSettings

import services
from tools.console.environment import setting_modules

ROOT = Path(services.__file__).parents[1]


@pytest.mark.parametrize("name", setting_modules())
def test_every_setting_stands_in_the_readme(name: str) -> None:
    module = importlib.import_module(name)
    readme = (ROOT / "README.md").read_text()
    kinds = [
        kind
        for kind in vars(module).values()
        if isinstance(kind, type) and issubclass(kind, BaseSettings) and kind.__module__ == module.__name__
    ]
    assert kinds
    for kind in kinds:
        for field in kind.model_fields:
            variable = f"{kind.model_config['env_prefix']}{field}".upper()
            assert f"`{variable}`" in readme, f"{variable} is missing in the settings table of README.md"
