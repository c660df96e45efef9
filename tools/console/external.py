"""What the shop uses that runs elsewhere: database, broker, mail server, trace collector.

Each is named by a variable and probed the way the services use it: with its credentials, up to the point where work
would begin. A shop whose database or broker is missing is not started; one without mail server or trace collector
sells, and what it owes them waits or is lost.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from tools.console.findings import Finding
from tools.console.paths import DataFolder
from tools.console.settings import ConsoleSettings

_WITHIN: Final = 6.0  # seconds for all probes together; a lookup of a name cannot be given a limit of its own


@dataclass(frozen=True, slots=True, kw_only=True)
class External:
    """One of them. `probe` raises an exception whose text is the reason when it cannot be used."""

    variable: str
    what: str
    probe: Callable[[], None]
    remedy: str
    is_optional: bool = False


def examine_external(settings: ConsoleSettings, *, leave_out: Collection[str] = ()) -> Iterator[Finding]:
    """Probes all at once, in bounded time, apart from those whose variable is in `leave_out`."""
    probed = [external for external in externals(settings) if external.variable not in leave_out]
    reasons: dict[str, str] = {}

    def probe(external: External) -> None:
        try:
            external.probe()
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what a service would meet
            reasons[external.variable] = str(error) or type(error).__name__
        else:
            reasons[external.variable] = ""

    # Daemons: the command does not wait at its end for a probe that hangs.
    threads = [threading.Thread(target=probe, args=(external,), daemon=True) for external in probed]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + _WITHIN
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    for external in probed:
        yield _finding(external, reasons.get(external.variable, f"no reply within {_WITHIN:g} s"))


def externals(settings: ConsoleSettings) -> Iterator[External]:
    """Those that the settings name."""
    if settings.database_url.startswith("postgresql"):
        from tools.console.databases import probe_databases

        yield External(
            variable="BOOKSTORE_DATABASE_URL",
            what=f"databases {address(settings.database_url)}",
            probe=lambda: probe_databases(settings.database_url),
            remedy="start the database server, create the databases, or correct the URL; empty means SQLite files",
        )
    if settings.nats_url:
        from chassis.broker.probe import probe_broker

        yield External(
            variable="BOOKSTORE_NATS_URL",
            what=f"broker {address(settings.nats_url)}",
            probe=lambda: probe_broker(settings.nats_url),
            remedy="start the broker, or correct the URL; empty means the embedded one",
        )
    if settings.smtp_url:
        from services.notifications.smtp import SmtpMailer

        yield External(
            variable="BOOKSTORE_SMTP_URL",
            what=f"mail server {address(settings.smtp_url)}",
            probe=lambda: SmtpMailer(settings.smtp_url, timeout=_WITHIN / 2).check(),
            remedy=f"mails wait until it can; start it, or correct the URL; empty means {settings.folder.mail}",
            is_optional=True,
        )
    if settings.trace_collector:
        from chassis.trace_collector import probe_collector

        yield External(
            variable="BOOKSTORE_OTLP_ENDPOINT",
            what=f"trace collector {settings.trace_collector}",
            probe=lambda: probe_collector(settings.trace_collector),
            remedy="traces are lost until it can; start it, or correct the URL; empty means files",
            is_optional=True,
        )


def remedy_for(dependency: str, folder: DataFolder) -> str:
    """What to do about a dependency that a running service reports by this name (chassis.health)."""
    remedies = {
        "database": f"see BOOKSTORE_DATABASE_URL; when it is empty, the disk and the rights of {folder.path}",
        "broker": f"events and mails wait; see BOOKSTORE_NATS_URL; when it is empty, {folder.log('nats')}",
        "mail server": "mails wait; see BOOKSTORE_SMTP_URL",
        "mail folder": f"mails wait; see the disk and the rights of {folder.mail}",
        "trace collector": "traces are lost; see BOOKSTORE_OTLP_ENDPOINT",
    }
    return remedies[dependency]


def address(url: str) -> str:
    """A URL without user and password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _finding(external: External, reason: str) -> Finding:
    if not reason:
        return Finding(subject=external.variable, detail=f"{external.what} can be used")
    return Finding(
        subject=external.variable,
        detail=f"{external.what} cannot be used ({reason})",
        remedy=external.remedy,
        is_warning=external.is_optional,
    )
