"""Migrations of every service from one command."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from chassis.database import Database
from chassis.migrations import SchemaOutdated, check, migrate
from chassis.settings import ChassisSettings
from chassis.v1.platform_errors import StorageUnavailable
from tools.console.environment import read
from tools.console.errors import Refused
from tools.console.serve import ServiceUnknown
from tools.console.services import SOURCE, service_names


class DatabaseMissing(Refused):
    """A database is not there yet, older than this release, or out of reach; the message says what to do."""


def migrate_all(only: str = "") -> Iterator[str]:
    """Migrates every service that has a database, or `only` that one; yields a line for each.

    Raises ServiceUnknown, SettingsInvalid, DatabaseMissing.
    """
    settings = read(ChassisSettings)
    folder = settings.data_dir / "db"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DatabaseMissing(
            f"{folder} cannot be made ({error.strerror}); set BOOKSTORE_DATA_DIR to a folder that you may write to"
        ) from None
    owners = _owners()
    if only and only not in owners:
        raise ServiceUnknown(f"there is no service {only!r} with a database; there are {', '.join(owners)}")
    for name in [only] if only else owners:
        with plain_storage(settings):
            done = _migrate(name, settings.database_url_for(name))
        yield f"{name}: {done}"


def probe_databases(template: str) -> None:
    """Connects to the database of every service. Raises DatabaseMissing with the reason of each that cannot be used."""
    with ThreadPoolExecutor(len(_owners())) as pool:
        reasons = dict(zip(_owners(), pool.map(lambda name: _obstacle(name, template), _owners()), strict=True))
    bad = {name: reason for name, reason in reasons.items() if reason}
    if len(set(bad.values())) == 1 and len(bad) == len(reasons):
        raise DatabaseMissing(next(iter(bad.values())))
    if bad:
        raise DatabaseMissing(", ".join(f"{name}: {reason}" for name, reason in bad.items()))


@contextmanager
def plain_storage(settings: ChassisSettings) -> Iterator[None]:
    """Within it a database that is missing or out of reach raises DatabaseMissing, in words for the keyboard."""
    try:
        yield
    except SchemaOutdated:
        raise DatabaseMissing(
            f"there is no shop of this release in {settings.data_dir.absolute()} yet; `make run` (or `bookstore up`) "
            "starts one"
        ) from None
    except StorageUnavailable as error:
        remedy = (
            "BOOKSTORE_DATABASE_URL" if settings.database_url else f"the disk and the rights of {settings.data_dir}"
        )
        raise DatabaseMissing(f"a database cannot be reached or written; check {remedy} ({_cause(error)})") from None


def _owners() -> list[str]:
    """The services that have a database."""
    return [name for name in service_names() if (SOURCE / "services" / name / "migrations").is_dir()]


def _obstacle(name: str, template: str) -> str:
    """Why the database of a service cannot be used; empty when it can."""
    database = Database(template.replace("{service}", name), name="probe", pool_size=1)
    try:
        database.ping()
    except StorageUnavailable as error:
        return _cause(error)
    finally:
        database.close()
    return ""


def _cause(error: BaseException) -> str:
    """The driver's own words, one line: here the reader is the owner of the database."""
    return " ".join(str(getattr(error.__cause__, "orig", None) or error).split())


def _migrate(name: str, url: str) -> str:
    if _is_current(name, url):
        return "nothing to do"
    migrate(name, url)
    return "migrated"


def _is_current(name: str, url: str) -> bool:
    """Asks without loading alembic, which is most of what a start with nothing to do would cost."""
    database = Database(url, name=name, pool_size=1)
    try:
        check(database, name)
    except SchemaOutdated:
        return False
    finally:
        database.close()
    return True
