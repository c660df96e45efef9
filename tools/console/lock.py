"""One `up` per data folder."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import IO

from tools.console.errors import Refused


class AlreadyRunning(Refused):
    """Another `up` runs on the data folder; the message says which."""


class FolderLock:
    """A lock that ends with its process, however that ends."""

    def __init__(self, file: Path) -> None:
        self._path = file
        self._file: IO[str] | None = None

    def take(self) -> None:
        """Raises AlreadyRunning."""
        file = self._path.open("a+", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise AlreadyRunning(
                f"bookstore already runs on {self._path.parent.parent} (process {holder(self._path)}); "
                "stop it, or set BOOKSTORE_DATA_DIR and the three ports for a second stack"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        self._file = file

    def release(self) -> None:
        """Lets the next one in."""
        if self._file is not None:
            self._file.close()
            self._file = None


def holder(file: Path) -> int | None:
    """Process id of the `up` that holds the lock; None when nobody does."""
    try:
        with file.open(encoding="ascii") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return int(held.read() or 0)
    except OSError:
        return None  # never taken here
    return None
