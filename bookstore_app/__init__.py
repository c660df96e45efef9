"""The one top-level package of an installed bookstore. In the wheel it holds everything else."""

from __future__ import annotations

import sys
from pathlib import Path


def main() -> None:
    """Runs the `bookstore` command, with the packages inside this one before any others of their names."""
    home = Path(__file__).parent
    sys.path[:0] = [str(home), str(home / "generated")]  # neither is there in a clone, whose .pth file names both
    from tools.console.main import app

    app(prog_name="bookstore")
