"""What must be there before a stack can start, and what to do about what is not."""

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from tools.console import binaries
from tools.console.environment import BadValue, bad_values, unknown
from tools.console.errors import Refused
from tools.console.external import examine_external
from tools.console.findings import Finding
from tools.console.lock import holder
from tools.console.paths import GENERATED
from tools.console.ports import is_ours, obstacle
from tools.console.services import service_names
from tools.console.settings import ConsoleSettings

_PYTHON: Final = (3, 11)
_SQLITE: Final = (3, 35)  # the first with RETURNING
_DISK: Final = 500 * 1024 * 1024  # bytes


class NotReady(Refused):
    """Something is missing or taken; the message names each and the remedy."""


def require(settings: ConsoleSettings) -> tuple[Finding, ...]:
    """Returns what deserves a warning. Raises NotReady with everything that stands in the way of a start."""
    findings = tuple(examine(settings))
    problems = [finding for finding in findings if finding.stops_start]
    if problems:
        raise NotReady("\n".join(map(str, problems)))
    return tuple(finding for finding in findings if finding.is_warning)


def examine(settings: ConsoleSettings) -> Iterator[Finding]:
    """Looks at everything a start needs; ports last."""
    yield _python()
    yield _sqlite()
    yield _binary("Envoy", binaries.envoy)
    if not settings.nats_url:
        yield _binary("NATS", binaries.nats_server)
    yield _generated()
    yield _data_folder(settings.folder.path)
    bad = bad_values()
    yield from _variables(bad)
    yield from examine_external(settings, leave_out=[value.variable for value in bad])
    running = holder(settings.folder.lock)
    if not is_ours(settings.bind):
        yield _no_address(settings.bind)
        return
    for name, port in settings.fixed_ports.items():
        yield _port(f"BOOKSTORE_{name.upper()}", port, settings, running)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    remedy = (
        "" if sys.version_info[:2] >= _PYTHON else "install Python 3.11 or later, remove .venv and run `make setup`"
    )
    return Finding(subject="Python", detail=version, remedy=remedy)


def _sqlite() -> Finding:
    remedy = (
        ""
        if sqlite3.sqlite_version_info >= _SQLITE
        else "install a Python with SQLite 3.35 or later, remove .venv and run `make setup`"
    )
    return Finding(subject="SQLite", detail=sqlite3.sqlite_version, remedy=remedy)


def _binary(subject: str, find: Callable[[], Path]) -> Finding:
    try:
        return Finding(subject=subject, detail=str(find()))
    except binaries.BinaryMissing as missing:
        return Finding(subject=subject, detail="missing", remedy=str(missing))


def _generated() -> Finding:
    services = service_names()
    if (GENERATED / "descriptor_set.binpb").exists() and services:
        return Finding(subject="contracts", detail=f"{len(services)} services: {', '.join(services)}")
    return Finding(subject="contracts", detail="generated/ is incomplete", remedy="run `make protos`")


def _data_folder(folder: Path) -> Finding:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        return Finding(
            subject="data folder",
            detail=f"{folder} cannot be written ({error.strerror})",
            remedy="set BOOKSTORE_DATA_DIR to a folder that you may write to",
        )
    free = shutil.disk_usage(folder).free
    remedy = "" if free >= _DISK else "free some space, or set BOOKSTORE_DATA_DIR to a larger disk"
    return Finding(subject="data folder", detail=f"{folder}, {free // 1024**2:,} MiB free", remedy=remedy)


def _variables(bad: tuple[BadValue, ...]) -> Iterator[Finding]:
    """What services would refuse once they start, and what nothing reads."""
    for value in bad:
        yield Finding(subject=value.assignment, detail=value.problem, remedy=value.remedy)
    for name, closest in unknown(os.environ):
        yield Finding(
            subject=name,
            detail="is not a setting and is ignored",
            remedy=f"did you mean {closest}?" if closest else "unset it",
            is_warning=True,
        )


def _no_address(bind: str) -> Finding:
    return Finding(
        subject=f"BOOKSTORE_BIND={bind!r}",
        detail="is no IPv4 address of this machine",
        remedy="give one, such as 127.0.0.1 or 0.0.0.0",
    )


def _port(variable: str, port: int, settings: ConsoleSettings, running: int | None) -> Finding:
    host = "127.0.0.1" if variable.endswith("ADMIN_PORT") else settings.bind
    why_not = obstacle(port, host=host)
    if not why_not:
        return Finding(subject=f"port {port}", detail="free")
    if running is not None:
        return Finding(
            subject=f"port {port}", detail=f"taken while bookstore (process {running}) runs on this data folder"
        )
    stop_it = "stop what uses it, or " if why_not == "taken" else ""
    return Finding(subject=f"port {port}", detail=why_not, remedy=f"{stop_it}set {variable} to another port")
