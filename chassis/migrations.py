"""Migrations: alembic over `services/<service>/migrations/versions/NNNN_<what>.py`, without an ini file or env.py.

The revision id of a file is its number. Migrations go forward only; expand first, contract in a later release, so that
the old code runs on the new schema. alembic is imported by the functions that need it: the serving process does
not load it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Engine, MetaData, column, inspect, make_url, select, table, text

from chassis.database import Database
from chassis.database.postgres import open_postgres
from chassis.database.sqlite import open_sqlite

if TYPE_CHECKING:
    from alembic.operations.ops import MigrateOperation
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

SERVICES: Final = Path(__file__).resolve().parents[1] / "services"
"""The folder that holds the services."""

_FILE: Final = re.compile(r"(\d{4})_\w+\.py")
_VERSION: Final = table("alembic_version", column("version_num"))
_LOCK_KEY: Final = 0x626F6F6B  # any number, the same in every process


class MigrationsMissing(RuntimeError):
    """A service has no migrations where they are looked for."""


class SchemaOutdated(RuntimeError):
    """The database is older than the code; its text says what to run."""


def expected_revision(service: str, *, root: Path = SERVICES) -> str:
    """The newest revision the code brings, such as `0002`, read from the file names. Raises MigrationsMissing."""
    folder = _versions(service, root)
    revisions = [match[1] for file in folder.glob("*.py") if (match := _FILE.fullmatch(file.name))]
    if not revisions:
        raise MigrationsMissing(f"{service} has no migrations in {folder.relative_to(root)}")
    return max(revisions)


def check(database: Database, service: str, *, root: Path = SERVICES) -> None:
    """Makes sure the database is at least at the revision the code expects; newer is fine (expand, then contract).

    Raises SchemaOutdated, StorageUnavailable.
    """
    expected = expected_revision(service, root=root)
    current = database.read(_current_revision)
    if current is None or current < expected:
        state = f"is at revision {current}" if current else "is empty"
        raise SchemaOutdated(
            f"the database of {service} {state}, the code needs {expected}: run `bookstore migrate` first"
        )


def migrate(service: str, url: str, *, root: Path = SERVICES) -> None:
    """Brings the database at `url` to the newest revision; does nothing when it is there.

    All in one transaction under a lock, so that several processes may try at once. Raises MigrationsMissing.
    """
    expected_revision(service, root=root)
    with _connection(service, url) as connection, _environment(service, root, "head") as environment:
        environment.configure(connection=connection, render_as_batch=True, transactional_ddl=True)
        environment.run_migrations()
        if connection.dialect.name == "sqlite":
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if broken:
                raise RuntimeError(f"a migration of {service} left {len(broken)} rows without the row they refer to")


def drift(service: str, metadata: MetaData, url: str, *, root: Path = SERVICES) -> list[str]:
    """What differs between the schema that the migrations make and `metadata`; empty when nothing does.

    Migrates the database at `url` first; meant for a test with an empty one.
    """
    from alembic.autogenerate import produce_migrations, render_python_code

    migrate(service, url, root=root)
    with _connection(service, url) as connection, _environment(service, root, "head") as environment:
        environment.configure(connection=connection, render_as_batch=True, compare_type=True, target_metadata=metadata)
        script = produce_migrations(environment.get_context(), metadata)
        operations: list[MigrateOperation] = script.upgrade_ops.ops if script.upgrade_ops is not None else []
        return [
            line.strip()
            for operation in operations
            for line in render_python_code(_single(operation), render_as_batch=True).splitlines()
            if line.strip() and not line.strip().startswith(("#", "pass"))
        ]


def _single(operation: MigrateOperation) -> Any:
    from alembic.operations.ops import UpgradeOps

    return UpgradeOps(ops=[operation])


def _versions(service: str, root: Path) -> Path:
    return root / service / "migrations" / "versions"


def _current_revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION.name):
        return None
    revision: str | None = connection.execute(select(_VERSION.c.version_num)).scalar_one_or_none()
    return revision


@contextmanager
def _connection(service: str, url: str) -> Iterator[Connection]:
    """A connection in a transaction that no other migration shares."""
    engine = _engine(service, url)
    try:
        with engine.connect() as connection:
            if engine.dialect.name == "sqlite":
                driver = connection.connection.driver_connection
                assert driver is not None
                driver.execute("PRAGMA foreign_keys=OFF")  # batch mode rebuilds tables others refer to
            with connection.begin():
                if engine.dialect.name == "postgresql":
                    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK_KEY})
                yield connection
    finally:
        engine.dispose()


def _engine(service: str, url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return open_sqlite(parsed)
    engine = open_postgres(parsed, name=f"{service}-migrate", pool_size=1)
    # A serializable transaction would go on seeing the schema as it was before it waited for the lock.
    return engine.execution_options(isolation_level="READ COMMITTED")


@contextmanager
def _environment(service: str, root: Path, target: str) -> Iterator[EnvironmentContext]:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    folder = _versions(service, root)
    scripts = ScriptDirectory(str(folder.parent), version_locations=[str(folder)])
    with EnvironmentContext(Config(), scripts, fn=_upgrade(scripts, target), destination_rev=target) as environment:
        yield environment


def _upgrade(scripts: ScriptDirectory, target: str) -> Callable[[Any, Any], Any]:
    return lambda revision, _: scripts._upgrade_revs(target, revision)  # noqa: SLF001  # as alembic's own commands do
