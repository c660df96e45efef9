"""Serves one service in this process: `python -m tools.console.serve NAME`.

Apart from the command line so that a service process does not load it.
"""

from __future__ import annotations

import gc
import importlib
import sys

import services
from tools.console.errors import Refused
from tools.console.services import service_names


class ServiceUnknown(Refused):
    """There is no service of this name; the message lists those that exist."""


def serve(name: str) -> int:
    """Builds and serves the service until SIGTERM; returns the exit code. Raises ServiceUnknown."""
    if name not in service_names():
        raise ServiceUnknown(f"there is no service {name!r}; there are {', '.join(service_names())}")
    # What modules load stays: walking it again and again would take an eighth of a start.
    gc.disable()
    try:
        from chassis import process
        from tools.console.access_tokens import ACCESS_TOKENS

        composition = importlib.import_module(f"services.{name}.app")
    finally:
        gc.freeze()
        gc.enable()
    return process.serve(name, composition.build, tokens=ACCESS_TOKENS, version=services.__version__)


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1]))
