"""Migrations without an ini file, on both engines, on services made up by the tests."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, Table, Text, insert, select
from sqlalchemy.exc import IntegrityError

from chassis.database import Database
from chassis.migrations import (
    MigrationsMissing,
    SchemaOutdated,
    check,
    drift,
    expected_revision,
    migrate,
)
from chassis.schema import chassis_tables

FIRST = """
    import sqlalchemy as sa
    from alembic import op
    from chassis.schema import create_v1

    revision = "0001"
    down_revision = None

    def upgrade():
        create_v1(op)
        op.create_table("shelves", sa.Column("id", sa.Integer, primary_key=True), sa.Column("name", sa.Text))
        op.create_table(
            "things",
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("shelf", sa.Integer, sa.ForeignKey("shelves.id"), nullable=False),
        )
        op.execute("INSERT INTO shelves (id, name) VALUES (1, 'one')")
        op.execute("INSERT INTO things (id, shelf) VALUES (1, 1)")
"""
SECOND = """
    import sqlalchemy as sa
    from alembic import op

    revision = "0002"
    down_revision = "0001"

    def upgrade():
        op.execute("UPDATE shelves SET name = 'none' WHERE name IS NULL")
        with op.batch_alter_table("shelves") as batch:
            batch.alter_column("name", existing_type=sa.Text, nullable=False)
"""
FAILING = """
    from alembic import op

    revision = "0002"
    down_revision = "0001"

    def upgrade():
        op.execute("CREATE TABLE half (id INTEGER)")
        op.execute("INSERT INTO nowhere VALUES (1)")
"""


def tables(*, name_nullable: bool) -> MetaData:
    metadata = MetaData()
    chassis_tables(metadata)
    Table(
        "shelves",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("name", Text, nullable=name_nullable),
    )
    Table(
        "things",
        metadata,
        Column("id", Integer, primary_key=True),
        Column("shelf", Integer, ForeignKey("shelves.id"), nullable=False),
    )
    return metadata


class Project:
    """A folder of services with one service, `sample`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._versions = root / "sample" / "migrations" / "versions"
        self._versions.mkdir(parents=True)

    def write(self, name: str, text: str) -> None:
        """Adds or replaces a migration."""
        (self._versions / name).write_text(dedent(text))


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "services")
    project.write("0001_first.py", FIRST)
    return project


def test_the_expected_revision_is_the_highest_number(project: Project) -> None:
    assert expected_revision("sample", root=project.root) == "0001"
    project.write("0002_names.py", SECOND)
    project.write("notes.py", "")
    assert expected_revision("sample", root=project.root) == "0002"


def test_a_service_without_migrations_is_named(project: Project) -> None:
    with pytest.raises(MigrationsMissing, match="nobody has no migrations"):
        expected_revision("nobody", root=project.root)


def test_migrating_reaches_the_expected_revision_and_may_be_repeated(project: Project, database_url: str) -> None:
    database = Database(database_url, name="sample")
    with pytest.raises(SchemaOutdated, match=r"sample is empty, the code needs 0001: run `bookstore migrate`"):
        check(database, "sample", root=project.root)
    migrate("sample", database_url, root=project.root)
    check(database, "sample", root=project.root)
    project.write("0002_names.py", SECOND)
    with pytest.raises(SchemaOutdated, match="is at revision 0001, the code needs 0002"):
        check(database, "sample", root=project.root)
    migrate("sample", database_url, root=project.root)
    migrate("sample", database_url, root=project.root)
    check(database, "sample", root=project.root)
    database.close()


def test_old_code_runs_on_a_newer_schema(project: Project, database_url: str) -> None:
    newer = Project(project.root.parent / "newer")
    newer.write("0001_first.py", FIRST)
    newer.write("0002_names.py", SECOND)
    migrate("sample", database_url, root=newer.root)
    database = Database(database_url, name="sample")
    check(database, "sample", root=project.root)
    database.close()


def test_a_table_others_refer_to_can_be_rebuilt(project: Project, database_url: str) -> None:
    project.write("0002_names.py", SECOND)
    migrate("sample", database_url, root=project.root)
    metadata = tables(name_nullable=False)
    database = Database(database_url, name="sample")
    assert database.read(lambda tx: tx.execute(select(metadata.tables["things"])).all()) == [(1, 1)]
    with pytest.raises(IntegrityError):
        database.transact(lambda tx: tx.execute(insert(metadata.tables["things"]), {"id": 2, "shelf": 9}))
    database.close()


def test_a_failed_migration_leaves_nothing_behind(project: Project, database_url: str) -> None:
    migrate("sample", database_url, root=project.root)
    project.write("0002_broken.py", FAILING)
    with pytest.raises(Exception, match="nowhere"):
        migrate("sample", database_url, root=project.root)
    project.write("0002_broken.py", FAILING.replace('op.execute("INSERT INTO nowhere VALUES (1)")', "pass"))
    migrate("sample", database_url, root=project.root)


def test_several_processes_may_migrate_at_once(project: Project, database_url: str) -> None:
    project.write("0002_names.py", SECOND)
    command = "import sys, pathlib; from chassis.migrations import migrate; "
    command += "migrate('sample', sys.argv[1], root=pathlib.Path(sys.argv[2]))"

    def run(_: int) -> int:
        return subprocess.run([sys.executable, "-c", command, database_url, project.root], env=environment()).returncode

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(run, range(3))) == [0, 0, 0]
    assert drift("sample", tables(name_nullable=False), database_url, root=project.root) == []


def environment() -> dict[str, str]:
    """Finds the sources wherever the tests do."""
    return {"PYTHONPATH": ":".join(path for path in sys.path if path)}


def test_drift_is_empty_when_migrations_make_what_the_code_declares(project: Project, database_url: str) -> None:
    assert drift("sample", tables(name_nullable=True), database_url, root=project.root) == []


def test_drift_names_what_differs(project: Project, database_url: str) -> None:
    metadata = tables(name_nullable=False)
    Table("forgotten", metadata, Column("id", Integer, primary_key=True))
    found = "\n".join(drift("sample", metadata, database_url, root=project.root))
    assert "forgotten" in found
    assert "shelves" in found
    assert "outbox" not in found


def test_the_serving_process_does_not_load_alembic() -> None:
    command = "import sys, chassis.migrations, chassis.service; sys.exit('alembic' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], env=environment()).returncode == 0
