"""Statements on real SQLite and PostgreSQL: what SQLAlchemy itself returns, in its transactions, with its errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Tracer
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Connection,
    Date,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    bindparam,
    delete,
    func,
    insert,
    select,
    type_coerce,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

from chassis.database import ByCodePoint, Database, Instant, Statement, insert_if_absent, scalar
from tests.limits import HANG_SECONDS

metadata = MetaData()
things = Table(
    "things",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", ByCodePoint, nullable=False, unique=True),
    Column("note", Text),
    Column("count", BigInteger, CheckConstraint("count >= 0"), nullable=False, server_default="0"),
    Column("parts", JSON),
    Column("bytes", LargeBinary),
    Column("flag", Boolean),
    Column("at", Instant),
    Column("day", Date),
)
FULL = {
    "id": 1,
    "name": "Été",
    "note": 'it\'s %(odd)s, 100 % :sure and "quoted"?',
    "count": 2**62,
    "parts": [["Jane", "AUTHOR"], {"n": 1.5, "none": None}],
    "bytes": b"\x00\xff",
    "flag": True,
    "at": datetime(1969, 7, 20, 20, 17, 40, 123457, tzinfo=UTC),
    "day": date(2024, 2, 29),
}
EMPTY = {"id": 2, "name": "", "note": None, "count": 0, "bytes": None, "flag": None, "at": None, "day": None}

ADD = Statement(insert(things), keys=tuple(FULL))
ADD_NAMED = Statement(insert(things), keys=("id", "name"))
BY_ID = Statement(select(things).where(things.c.id == bindparam("thing")))
NAMES = Statement(select(things.c.name).order_by(things.c.id), scalar)
BY_IDS = Statement(
    select(things.c.id).where(things.c.id.in_(bindparam("ids", expanding=True))).order_by(things.c.id), int
)
BY_TIMES = Statement(select(things.c.id).where(things.c.at.in_(bindparam("times", expanding=True))), int)
COUNT = Statement(select(things.c.count).where(things.c.name == bindparam("name")), int)
SET_COUNT = Statement(update(things).where(things.c.name == bindparam("thing_name")), keys=("count",))
TAKE = Statement(
    update(things)
    .where(things.c.name == bindparam("thing"), things.c.count >= bindparam("taken"))
    .values(count=things.c.count - bindparam("taken"))
    .returning(things.c.count, (things.c.count * 2).label("double"))
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, name="test")
    metadata.create_all(database.engine)
    yield database
    database.close()


def name_all(database: Database, *names: str) -> None:
    database.transact(
        lambda tx: ADD_NAMED.run_many(tx, [{"id": number, "name": name} for number, name in enumerate(names, 1)])
    )


def names(database: Database) -> list[str]:
    return database.read(lambda connection: NAMES.all(connection))


def executed(statement: Any, connection: Connection) -> list[Any]:
    return list(connection.execute(statement))


def thing(database: Database, number: int) -> Any:
    return database.read(lambda connection: BY_ID.first(connection, thing=number))


class Undone(Exception):
    pass


def test_values_and_types_are_those_of_sqlalchemy(database: Database) -> None:
    assert database.transact(lambda tx: ADD.run(tx, **FULL)) == 1
    assert database.transact(lambda tx: ADD.run(tx, **EMPTY, parts={})) == 1
    for number in (1, 2):
        row = thing(database, number)
        (same,) = database.read(partial(executed, select(things).where(things.c.id == number)))
        assert row == tuple(same)
        assert [type(value) for value in row] == [type(value) for value in same]
    assert thing(database, 1)._asdict() == FULL


def test_a_row_that_is_not_there_is_none(database: Database) -> None:
    assert database.read(lambda connection: BY_ID.first(connection, thing=1)) is None
    assert database.read(lambda connection: BY_ID.all(connection, thing=1)) == []


def test_a_parameter_that_is_not_given_is_an_error(database: Database) -> None:
    with pytest.raises((KeyError, DBAPIError)):
        database.read(lambda connection: BY_ID.all(connection))
    assert names(database) == []


@pytest.mark.parametrize("length", [0, 1, 2, 3, 20])
def test_a_list_of_any_length_is_looked_up(database: Database, length: int) -> None:
    name_all(database, *(f"n{number}" for number in range(1, 31)))
    wanted = list(range(31 - length, 31))
    assert database.read(lambda connection: BY_IDS.all(connection, ids=wanted)) == wanted
    assert database.read(lambda connection: BY_IDS.all(connection, ids=[*wanted, 99])) == wanted


def test_values_of_a_list_are_converted(database: Database) -> None:
    database.transact(lambda tx: ADD.run(tx, **FULL))
    times = [FULL["at"], datetime(2026, 1, 1, tzinfo=UTC)]
    for given, expected in ((times, [1]), (times[1:], []), ([], [])):
        assert database.read(partial(BY_TIMES.all, times=given)) == expected


def test_values_embedded_in_a_statement_count_too(database: Database) -> None:
    name_all(database, "a", "b", "c")
    limited = Statement(
        select(things.c.name)
        .where(things.c.id > 1, things.c.name.in_(["a", "b", "c"]))
        .order_by(things.c.id)
        .limit(bindparam("most")),
        scalar,
    )
    assert database.read(lambda connection: limited.all(connection, most=1)) == ["b"]
    assert database.read(lambda connection: limited.all(connection, most=5)) == ["b", "c"]
    dated = Statement(update(things).where(things.c.id == 3).values(at=FULL["at"]))
    assert database.transact(lambda tx: dated.run(tx)) == 1
    assert database.read(lambda connection: BY_TIMES.all(connection, times=[FULL["at"]])) == [3]


def test_an_update_returns_what_it_changed(database: Database) -> None:
    name_all(database, "a")
    assert database.transact(lambda tx: SET_COUNT.run(tx, thing_name="a", count=5)) == 1
    assert database.transact(lambda tx: SET_COUNT.run(tx, thing_name="b", count=5)) == 0
    assert database.transact(lambda tx: TAKE.first(tx, thing="a", taken=2)) == (3, 6)
    assert database.transact(lambda tx: TAKE.first(tx, thing="a", taken=4)) is None
    assert database.read(lambda connection: COUNT.first(connection, name="a")) == 3


def test_a_statement_that_returns_rows_cannot_be_run_for_a_count(database: Database) -> None:
    with pytest.raises(TypeError, match="returns rows"):
        database.transact(lambda tx: TAKE.run(tx, thing="a", taken=1))


def test_a_delete_counts_rows(database: Database) -> None:
    name_all(database, "a", "b", "c")
    remove = Statement(delete(things).where(things.c.id >= bindparam("least")))
    assert database.transact(lambda tx: remove.run(tx, least=2)) == 2
    assert names(database) == ["a"]


def test_an_insert_on_conflict_is_left_out(database: Database) -> None:
    for expected in (True, False):
        row = {"id": 1, "name": "a", "parts": [expected], "at": FULL["at"]}
        assert database.transact(partial(insert_if_absent, table=things, values=row)) is expected
    assert database.transact(lambda tx: insert_if_absent(tx, things, {"id": 2, "name": "a"})) is False
    assert thing(database, 1).parts == [True]


def test_a_transaction_that_raises_is_undone(database: Database) -> None:
    def failing(tx: Connection) -> None:
        ADD_NAMED.run(tx, id=1, name="a")
        assert NAMES.all(tx) == ["a"]
        raise Undone

    with pytest.raises(Undone):
        database.transact(failing)
    assert names(database) == []


def test_a_savepoint_is_undone_alone_also_after_a_broken_constraint(database: Database) -> None:
    def function(tx: Connection) -> None:
        ADD_NAMED.run(tx, id=1, name="before")
        for undone in (1, 2):
            try:
                with tx.begin_nested():
                    ADD_NAMED.run(tx, id=2, name="inside")
                    ADD_NAMED.run(tx, id=undone + 2, name="before" if undone == 1 else "other")
                    raise Undone
            except (IntegrityError, Undone):
                pass
        ADD_NAMED.run(tx, id=9, name="after")

    database.transact(function)
    assert names(database) == ["before", "after"]


def test_a_broken_constraint_is_sqlalchemys_error_without_values(database: Database) -> None:
    name_all(database, "secret")
    with pytest.raises(IntegrityError) as unique:
        name_all(database, "secret")
    with pytest.raises(IntegrityError):
        database.transact(lambda tx: SET_COUNT.run(tx, thing_name="secret", count=-1))
    assert "secret" not in str(unique.value).partition("DETAIL")[0]
    assert names(database) == ["secret"]


def test_counting_from_many_threads_loses_nothing(database: Database) -> None:
    name_all(database, "counter")

    def increment(tx: Connection) -> None:
        count = COUNT.first(tx, name="counter")
        assert count is not None
        SET_COUNT.run(tx, thing_name="counter", count=count + 1)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: database.transact(increment), range(20)))
    assert database.read(lambda connection: COUNT.first(connection, name="counter")) == 20


def test_postgres_repeats_a_serialization_failure(postgres_url: str) -> None:
    database = Database(postgres_url, name="test")
    metadata.create_all(database.engine)
    name_all(database, "a", "b")
    both_read, attempts = threading.Barrier(2, timeout=HANG_SECONDS), []

    def copy(pair: tuple[str, str]) -> None:
        source, target = pair
        first = [True]

        def function(tx: Connection) -> None:
            attempts.append(source)
            count = COUNT.first(tx, name=source)
            assert count is not None
            if first:
                first.clear()
                both_read.wait()
            SET_COUNT.run(tx, thing_name=target, count=count + 1)

        database.transact(function)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(copy, [("a", "b"), ("b", "a")]))
    counts = Statement(select(things.c.count).order_by(things.c.count), int)
    assert len(attempts) > 2
    assert database.read(lambda connection: counts.all(connection)) == [1, 2]
    database.close()


def test_postgres_survives_the_loss_of_every_connection(postgres_url: str) -> None:
    database = Database(postgres_url, name="victim", pool_size=4)
    metadata.create_all(database.engine)
    killer = Database(postgres_url, name="killer")
    lost = Statement(
        select(func.pg_terminate_backend(Column("pid", Integer)))
        .select_from(Table("pg_stat_activity", MetaData(), Column("application_name", Text)))
        .where(Column("application_name", Text) == "victim")
    )

    def open_several() -> None:
        together = threading.Barrier(4, timeout=HANG_SECONDS)

        def read(connection: Connection) -> None:
            NAMES.all(connection)
            together.wait()

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda _: database.read(read), range(4)))

    open_several()
    assert len(killer.transact(lambda tx: lost.all(tx))) == 4
    assert names(database) == []
    open_several()
    assert len(killer.transact(lambda tx: lost.all(tx))) == 4
    name_all(database, "a")
    assert names(database) == ["a"]
    database.close()
    killer.close()


class TestSpans:
    """A statement is a span where its call is traced, and costs nothing else where it is not."""

    @pytest.fixture
    def exporter(self) -> InMemorySpanExporter:
        return InMemorySpanExporter()

    @pytest.fixture
    def tracer(self, exporter: InMemorySpanExporter) -> Tracer:
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        return provider.get_tracer("test")

    @pytest.fixture
    def add(self, tracer: Tracer) -> Statement[Any]:
        return Statement(insert(things), keys=("id", "name"), tracer=tracer)

    def test_inside_a_recorded_span_it_is_one(
        self, database: Database, exporter: InMemorySpanExporter, tracer: Tracer, add: Statement[Any]
    ) -> None:
        read = Statement(select(things.c.id).where(things.c.name == bindparam("name")), int, tracer=tracer)
        with TracerProvider().get_tracer("test").start_as_current_span("call") as call:
            database.transact(lambda tx: add.run(tx, id=1, name="a"))
            database.transact(lambda tx: add.run_many(tx, [{"id": 2, "name": "b"}, {"id": 3, "name": "c"}]))
            database.read(lambda connection: read.first(connection, name="secret"))
        spans = exporter.get_finished_spans()
        assert [span.name for span in spans] == ["INSERT things", "INSERT things", "SELECT things"]
        assert {span.parent.span_id for span in spans if span.parent} == {call.get_span_context().span_id}
        attributes: Any = spans[-1].attributes
        assert attributes["db.query.text"].startswith("SELECT things.id")
        assert "secret" not in str(attributes)

    def test_a_failure_is_noted(self, database: Database, exporter: InMemorySpanExporter, add: Statement[Any]) -> None:
        name_all(database, "a")
        with TracerProvider().get_tracer("test").start_as_current_span("call"), pytest.raises(IntegrityError):
            database.transact(lambda tx: add.run(tx, id=1, name="a"))
        assert [span.status.status_code for span in exporter.get_finished_spans()] == [trace.StatusCode.ERROR]

    def test_outside_there_is_none(
        self, database: Database, exporter: InMemorySpanExporter, add: Statement[Any]
    ) -> None:
        context = trace.NonRecordingSpan(trace.SpanContext(trace_id=1, span_id=1, is_remote=True))
        with trace.use_span(context):
            database.transact(lambda tx: add.run(tx, id=1, name="a"))
        assert exporter.get_finished_spans() == ()


def test_times_go_through_raw(database: Database) -> None:
    """A column may be selected as what is stored, which spares the conversion."""
    database.transact(lambda tx: ADD.run(tx, **FULL))
    raw = Statement(select(type_coerce(things.c.at, BigInteger).label("at")), int)
    micros = database.read(lambda connection: raw.first(connection))
    assert micros is not None
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros) == FULL["at"]
