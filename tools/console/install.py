"""Installs the packages of a lock file with pip and shows how far it is: `python install.py LOCK_FILE`.

Runs before anything is installed, so it needs the standard library alone. On a terminal one line changes in place;
elsewhere, as in the log of a build, every tenth package is a line, and so is every ten seconds in which nothing ends.
What pip writes to standard error is shown when it fails; until then only that it has to try again.
"""

from __future__ import annotations

import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final, TextIO

_LINE_EVERY: Final = 10  # packages
_QUIET_SECONDS: Final = 10.0  # without news, after which a log shows that it goes on
_TICK_SECONDS: Final = 1.0
_PACKAGE: Final = re.compile(r"^[A-Za-z0-9][\w.-]*==", re.MULTILINE)
_BEGUN: Final = re.compile(r"^(?:Collecting|Processing|Ignoring|Requirement already satisfied:) (?:\S*/)?([\w.-]+)")
_FETCHED: Final = re.compile(r"^ +(?:Downloading|Using cached) \S+\.whl (?:\S+ )?\(([\d.]+ [kM]?B)\)")
_WHEEL_TAGS: Final = re.compile(r"-\d.*\.whl$")


class Progress:
    """One line about how far pip is."""

    def __init__(self, title: str, total: int, out: TextIO) -> None:
        """`total` is the number of packages."""
        self._title, self._total, self._out = title, total, out
        self._in_place = out.isatty()
        self._began = self._told = time.monotonic()
        self._count = 0
        self._warnings: list[str] = []
        self._doing = "asking for packages"

    def read(self, line: str) -> None:
        """Takes a line of pip's standard output."""
        if begun := _BEGUN.match(line):
            self._count += 1
            self._doing = _WHEEL_TAGS.sub("", begun[1]).replace("_", "-")
            self._tell(is_due=self._count % _LINE_EVERY == 0)
        elif fetched := _FETCHED.match(line):
            self._doing = f"{self._doing.partition(' ')[0]} ({fetched[1]})"
            self._tell(is_due=False)
        elif line.startswith("Installing collected packages"):
            self._doing = "installing them"
            self._tell(is_due=True)

    def tick(self) -> None:
        """Shows that it goes on; called about once a second."""
        self._tell(is_due=time.monotonic() - self._told >= _QUIET_SECONDS)

    def warn(self, line: str) -> None:
        """Takes a line of pip's standard error."""
        self._warnings.append(line)
        if "Retrying" in line:
            self.clear()
            print(line, file=sys.stderr, flush=True)

    def clear(self) -> None:
        """Leaves the terminal with an empty line."""
        if self._in_place:
            self._out.write("\r\x1b[2K")
            self._out.flush()

    def end(self) -> None:
        """The last line after a success."""
        self.clear()
        print(f"  {self._total} packages in {self._seconds:.0f} s", file=self._out, flush=True)

    def fail(self) -> None:
        """The last lines after a failure: all that pip said about it."""
        self.clear()
        print(*self._warnings, f"pip could not install the packages of {self._title}.", sep="\n", file=sys.stderr)

    @property
    def _seconds(self) -> float:
        return time.monotonic() - self._began

    def _tell(self, *, is_due: bool) -> None:
        if not (self._in_place or is_due):
            return
        self._told = time.monotonic()
        text = f"  {min(self._count, self._total)} of {self._total} packages, {self._seconds:.0f} s: {self._doing}"
        self._out.write(f"\r\x1b[2K{text}" if self._in_place else f"{text}\n")
        self._out.flush()


def install(lock: Path) -> int:
    """Runs pip and returns its exit code; 0 means that every package of the lock file is installed."""
    total = len(_PACKAGE.findall(lock.read_text(encoding="utf-8")))
    print(f"Installing the {total} packages of {lock.name}", flush=True)
    progress = Progress(lock.name, total, sys.stdout)
    options = ("--disable-pip-version-check", "--no-input", "--progress-bar", "off")
    with subprocess.Popen(
        [sys.executable, "-m", "pip", "install", *options, "--require-hashes", "-r", str(lock)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as pip:
        for line, is_error in _lines(pip, progress):
            if is_error:
                progress.warn(line)
            else:
                progress.read(line)
    if pip.returncode:
        progress.fail()
    else:
        progress.end()
    return pip.returncode


def _lines(pip: subprocess.Popen[str], progress: Progress) -> Iterator[tuple[str, bool]]:
    """Each line that pip writes and whether it is one of standard error; `progress` ticks in between."""
    written: queue.Queue[tuple[str, bool] | None] = queue.Queue()

    def read(stream: TextIO, is_error: bool) -> None:
        for line in stream:
            written.put((line.rstrip("\n"), is_error))
        written.put(None)

    for stream, is_error in ((pip.stdout, False), (pip.stderr, True)):
        threading.Thread(target=read, args=(stream, is_error), daemon=True).start()
    open_streams = 2
    while open_streams:
        try:
            line = written.get(timeout=_TICK_SECONDS)
        except queue.Empty:
            progress.tick()
            continue
        if line is None:
            open_streams -= 1
        else:
            yield line


if __name__ == "__main__":
    try:
        sys.exit(install(Path(sys.argv[1])))
    except KeyboardInterrupt:
        sys.exit(130)
