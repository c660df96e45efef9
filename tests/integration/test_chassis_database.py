"""The database chassis on real SQLite and PostgreSQL."""

from __future__ import annotations

import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import CheckConstraint, Column, Connection, Integer, MetaData, Table, Text, func, insert, select, update
from sqlalchemy.exc import IntegrityError, InvalidRequestError, StatementError

from chassis.database import Database, Instant, NestedTransaction, insert_if_absent, notify_on_commit
from chassis.v1.platform_errors import DeadlinePassed, StorageUnavailable
from tests.limits import HANG_SECONDS

metadata = MetaData()
things = Table(
    "things",
    metadata,
    Column("name", Text, primary_key=True),
    Column("count", Integer, CheckConstraint("count >= 0"), nullable=False, default=0),
    Column("at", Instant),
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, name="test")
    metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def sqlite(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'data' / 'test.sqlite3'}", name="test")
    metadata.create_all(database.engine)
    yield database
    database.close()


def add(name: str, **values: Any) -> Callable[[Connection], str]:
    def function(tx: Connection) -> str:
        tx.execute(insert(things), {"name": name, **values})
        return name

    return function


def names(database: Database) -> list[str]:
    return list(database.read(lambda tx: tx.execute(select(things.c.name).order_by(things.c.name)).scalars()))


class Refused(Exception):
    pass


def test_a_transaction_answers_the_result_and_is_seen_by_reads(database: Database) -> None:
    assert database.transact(add("a")) == "a"
    assert names(database) == ["a"]


def test_an_error_undoes_only_its_own_transaction_among_concurrent_ones(database: Database) -> None:
    def failing(tx: Connection) -> None:
        add("doomed-" + threading.current_thread().name)(tx)
        raise Refused

    def attempt(index: int) -> str:
        if index % 3 == 0:
            with pytest.raises(Refused):
                database.transact(failing)
            return ""
        return database.transact(add(f"kept-{index:02}"))

    with ThreadPoolExecutor(12) as pool:
        kept = [name for name in pool.map(attempt, range(60)) if name]
    assert names(database) == sorted(kept)
    assert len(kept) == 40


def test_counting_from_many_threads_loses_nothing(database: Database) -> None:
    database.transact(add("counter"))

    def increment(tx: Connection) -> None:
        count = tx.execute(select(things.c.count).where(things.c.name == "counter")).scalar_one()
        tx.execute(update(things).where(things.c.name == "counter").values(count=count + 1))

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: database.transact(increment), range(60)))
    assert database.read(lambda tx: tx.execute(select(things.c.count)).scalar_one()) == 60


def test_a_broken_constraint_reaches_its_caller_as_it_is(database: Database) -> None:
    database.transact(add("a"))
    with pytest.raises(IntegrityError):
        database.transact(add("a"))
    with pytest.raises(IntegrityError):
        database.transact(add("b", count=-1))
    assert names(database) == ["a"]


def test_a_savepoint_inside_a_transaction_can_be_undone_alone(database: Database) -> None:
    def function(tx: Connection) -> None:
        add("before")(tx)
        try:
            with tx.begin_nested():
                add("inside")(tx)
                add("before")(tx)
        except IntegrityError:
            add("after")(tx)

    database.transact(function)
    assert names(database) == ["after", "before"]


def test_a_transaction_or_read_inside_a_transaction_is_refused(database: Database) -> None:
    with pytest.raises(NestedTransaction):
        database.transact(lambda tx: database.transact(add("a")))
    with pytest.raises(NestedTransaction):
        database.transact(lambda tx: names(database))
    assert database.transact(add("afterwards")) == "afterwards"


def test_the_function_sees_the_callers_context(database: Database) -> None:
    trace: ContextVar[str] = ContextVar("trace", default="none")
    trace.set("of the caller")
    assert database.transact(lambda tx: trace.get()) == "of the caller"


def test_a_listener_is_told_of_announced_commits_only(database: Database) -> None:
    told: list[bool] = []
    database.on_commit(lambda: told.append(True))

    def announced(tx: Connection) -> None:
        notify_on_commit(tx)

    def undone(tx: Connection) -> None:
        notify_on_commit(tx)
        raise Refused

    database.transact(add("silent"))
    with pytest.raises(Refused):
        database.transact(undone)
    database.transact(add("silent too"))
    assert told == []
    database.transact(announced)
    assert told == [True]


def test_a_listener_that_fails_does_not_undo_the_commit(database: Database) -> None:
    def listener() -> None:
        raise Refused

    database.on_commit(listener)
    database.transact(lambda tx: notify_on_commit(tx))
    assert database.transact(add("a")) == "a"


def test_a_transaction_whose_deadline_passed_is_dropped(database_url: str) -> None:
    left: list[float | None] = [None]
    database = Database(database_url, name="test", remaining=lambda: left[0])
    metadata.create_all(database.engine)
    left[0] = -0.001
    with pytest.raises(DeadlinePassed):
        database.transact(add("late"))
    left[0] = 5.0
    database.transact(add("in time"))
    assert names(database) == ["in time"]
    database.close()


def test_insert_if_absent_says_whether_it_inserted(database: Database) -> None:
    row = {"name": "a", "count": 1, "at": None}
    assert database.transact(lambda tx: insert_if_absent(tx, things, row))
    assert not database.transact(lambda tx: insert_if_absent(tx, things, {**row, "count": 2}))
    assert database.read(lambda tx: tx.execute(select(things.c.count)).scalar_one()) == 1


def test_an_instant_comes_back_in_utc_to_the_microsecond(database: Database) -> None:
    there = timezone(timedelta(hours=-5))
    moment = datetime(1969, 7, 20, 15, 17, 40, 123457, tzinfo=there)
    database.transact(add("landing", at=moment))
    stored = database.read(lambda tx: tx.execute(select(things.c.at)).scalar_one())
    assert stored == moment
    assert stored.tzinfo is UTC


def test_an_instant_without_a_time_zone_is_refused(database: Database) -> None:
    with pytest.raises(StatementError, match="time zone"):
        database.transact(add("nowhere", at=datetime(2026, 1, 1)))  # noqa: DTZ001  # the point of the test


def test_reads_cannot_write(sqlite: Database) -> None:
    with pytest.raises(StorageUnavailable):
        sqlite.read(add("a"))


def test_ping_answers_and_a_closed_database_is_unavailable(sqlite: Database) -> None:
    sqlite.ping()
    sqlite.close()
    with pytest.raises(StorageUnavailable):
        sqlite.transact(add("a"))
    with pytest.raises(StorageUnavailable):
        sqlite.ping()


def test_files_are_for_their_owner_only_and_the_folder_is_made(sqlite: Database, tmp_path: Path) -> None:
    sqlite.transact(add("a"))
    for file in (tmp_path / "data").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600, file.name
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_sqlite_is_durable_and_checks_references(sqlite: Database) -> None:
    def pragmas(tx: Connection) -> dict[str, Any]:
        wanted = ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        return {name: tx.exec_driver_sql(f"PRAGMA {name}").scalar_one() for name in wanted}

    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    assert sqlite.transact(pragmas) == expected
    assert sqlite.read(pragmas) == expected


def test_a_function_cannot_end_the_shared_transaction(sqlite: Database) -> None:
    def commit(tx: Connection) -> None:
        add("committed")(tx)
        tx.commit()

    def roll_back(tx: Connection) -> None:
        add("rolled back")(tx)
        tx.rollback()

    def begin(tx: Connection) -> None:
        with tx.begin():
            add("begun")(tx)

    with pytest.raises(InvalidRequestError, match="already"):
        sqlite.transact(begin)
    for function in (commit, roll_back):
        with pytest.raises(RuntimeError, match="returns or raises"):
            sqlite.transact(function)
    with pytest.raises(RuntimeError, match="savepoint"):
        sqlite.transact(lambda tx: str(tx.begin_nested()))
    assert sqlite.transact(add("a")) == "a"
    assert names(sqlite) == ["a"]


def test_many_callers_share_one_commit(sqlite: Database) -> None:
    """Callers that wait while the writer is busy land in one transaction."""
    entered, go = threading.Event(), threading.Event()
    transactions: list[int] = []

    def first(tx: Connection) -> None:
        entered.set()
        assert go.wait(10)

    def number(tx: Connection) -> None:
        transactions.append(tx.execute(select(func.count()).select_from(things)).scalar_one())
        add(f"n{len(transactions)}")(tx)

    with ThreadPoolExecutor(9) as pool:
        busy = pool.submit(sqlite.transact, first)
        assert entered.wait(10)
        waiting = [pool.submit(sqlite.transact, number) for _ in range(8)]
        seen_outside = names(sqlite)
        go.set()
        busy.result(10)
        for future in waiting:
            future.result(10)
    assert seen_outside == []
    assert transactions == list(range(8))


def test_a_full_disk_fails_the_write_and_leaves_reads_and_later_writes_alone(sqlite: Database) -> None:
    sqlite.transact(add("a"))
    pages = sqlite.transact(lambda tx: tx.exec_driver_sql("PRAGMA page_count").scalar_one())
    sqlite.transact(lambda tx: tx.exec_driver_sql(f"PRAGMA max_page_count={pages}").scalar_one())
    with pytest.raises(StorageUnavailable):
        sqlite.transact(add("x" * 100_000))
    assert names(sqlite) == ["a"]
    assert sqlite.transact(add("b")) == "b"


def test_a_locked_file_is_unavailable_and_works_again_afterwards(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'test.sqlite3'}"
    database, other = Database(url, name="test"), Database(url, name="other")
    metadata.create_all(database.engine)
    database.transact(lambda tx: tx.exec_driver_sql("PRAGMA busy_timeout=20").scalar_one())
    entered, go = threading.Event(), threading.Event()

    def hold(tx: Connection) -> None:
        entered.set()
        assert go.wait(10)

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(other.transact, hold)
        assert entered.wait(10)
        with pytest.raises(StorageUnavailable):
            database.transact(add("a"))
        go.set()
        holding.result(10)
    assert database.transact(add("b")) == "b"
    assert names(database) == ["b"]
    database.close()
    other.close()


def test_a_memory_database_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a file"):
        Database("sqlite://", name="test")


def test_another_kind_of_database_is_refused() -> None:
    with pytest.raises(ValueError, match="sqlite or postgresql"):
        Database("mysql://localhost/x", name="test")


def test_postgres_repeats_a_serialization_failure(postgres_url: str) -> None:
    """Two transactions read what the other writes; each has its place in some order, none fails."""
    database = Database(postgres_url, name="test")
    metadata.create_all(database.engine)
    database.transact(add("a"))
    database.transact(add("b"))
    both_read, attempts = threading.Barrier(2, timeout=HANG_SECONDS), []

    def copy(source: str, target: str) -> Callable[[Connection], None]:
        first = [True]

        def function(tx: Connection) -> None:
            attempts.append(source)
            count = tx.execute(select(things.c.count).where(things.c.name == source)).scalar_one()
            if first.pop() if first else False:
                both_read.wait()
            tx.execute(update(things).where(things.c.name == target).values(count=count + 1))

        return function

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(database.transact, [copy("a", "b"), copy("b", "a")]))
    counts = database.read(lambda tx: sorted(tx.execute(select(things.c.count)).scalars()))
    assert len(attempts) > 2
    assert counts == [1, 2]
    database.close()


def test_postgres_survives_a_lost_connection(postgres_url: str) -> None:
    database = Database(postgres_url, name="victim", pool_size=2)
    metadata.create_all(database.engine)
    database.ping()
    killer = Database(postgres_url, name="killer")

    def kill(tx: Connection) -> None:
        tx.exec_driver_sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'victim'"
        ).all()

    killer.transact(kill)
    assert names(database) == []
    killer.transact(kill)
    assert database.transact(add("a")) == "a"
    database.close()
    killer.close()


def test_postgres_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    database = Database(f"postgresql://postgres@/none?host={tmp_path}", name="test")
    with pytest.raises(StorageUnavailable):
        database.ping()
    with pytest.raises(StorageUnavailable):
        database.transact(add("a"))
    database.close()
