"""Log files of bounded size, whatever their writers do."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Final

LIMIT: Final = 8 * 1024 * 1024
"""Bytes at which a log file is emptied. Its last LIMIT bytes are kept as `<name>.1`, so a log takes twice LIMIT."""
_CHECK_EVERY: Final = 1.0  # seconds; between two checks a file can grow past LIMIT by what is written meanwhile


async def keep_bounded(folder: Path, *, limit: int = LIMIT, every: float = _CHECK_EVERY) -> None:
    """Bounds every log of a folder again and again until it is cancelled."""
    while True:
        for log in folder.glob("*.log"):
            bound(log, limit=limit)
        await asyncio.sleep(every)


def bound(log: Path, *, limit: int = LIMIT) -> None:
    """Empties a log that is larger than `limit` bytes after its last lines were copied to `<name>.1`.

    Its writers have opened it for appending, so they need not know and go on at its new end. What is written in the
    instant between reading and emptying is lost. Where the copy cannot be written, as on a full disk, it is given up:
    the room that becomes free matters more.
    """
    with contextlib.suppress(OSError):  # not there yet
        if log.stat().st_size <= limit:
            return
        with log.open("rb+") as file:
            file.seek(-limit, 2)
            last = file.read(2 * limit)
            file.truncate(0)
        older = log.with_name(f"{log.name}.1")
        try:
            older.write_bytes(_whole_lines(last[-limit:]))
        except OSError:
            older.unlink(missing_ok=True)


def _whole_lines(content: bytes) -> bytes:
    """The content from its first line that is complete."""
    _, newline, rest = content.partition(b"\n")
    return rest if newline else content
