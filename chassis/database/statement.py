"""SQL that runs often: a SQLAlchemy Core statement that is compiled once and executed on the driver's cursor.

`Connection.execute` costs three to four times as much as the driver. A Statement keeps what makes Core worth having:
the tables, the column types and their conversions, on SQLite and PostgreSQL alike.

Engine events, column defaults and `onupdate` of SQLAlchemy do not apply. A Statement begins no transaction: `Database`
does. Errors are SQLAlchemy's, as from `Connection.execute`.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Generic, NoReturn, TypeVar, cast, overload

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Tracer
from sqlalchemy import Connection, Delete, Dialect, Insert, Select, Update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler

R = TypeVar("R")
Values = Mapping[str, Any]
AnyStatement = Select[Any] | Insert | Update | Delete
_Convert = Callable[[Any], Any]

_CURSOR: Final = "chassis.cursor"


class _Text:
    """The SQL for one length of each IN list. `order` names the positional parameters; None: the driver takes names."""

    __slots__ = ("_converts", "_order", "sql")

    def __init__(self, sql: str, order: Sequence[str] | None, converts: Mapping[str, _Convert]) -> None:
        self.sql = sql
        self._order = order
        self._converts = tuple(converts.items())

    def bind(self, values: dict[str, Any]) -> Any:
        for name, convert in self._converts:
            values[name] = convert(values[name])
        return values if self._order is None else [values[name] for name in self._order]


class _Plan:
    """A statement on one kind of database."""

    def __init__(
        self, dialect: Dialect, statement: Any, keys: Sequence[str] | None, row: Callable[..., Any] | None
    ) -> None:
        self._compiled = compiled = cast(SQLCompiler, statement.compile(dialect=dialect, column_keys=keys))
        binds = {name: bind for bind, name in compiled.bind_names.items()}
        self._lists = tuple(name for name, bind in binds.items() if bind.expanding)
        found = {
            name: bind.type.dialect_impl(dialect).bind_processor(dialect)
            for name, bind in binds.items()
            if not bind.expanding  # converted value by value, see _text
        }
        self._converts: dict[str, _Convert] = {name: convert for name, convert in found.items() if convert is not None}
        self._constants = {name: compiled.params[name] for name, bind in binds.items() if not bind.required}
        self._texts: dict[tuple[int, ...], _Text] = {}
        self._plain = None if self._lists else _Text(compiled.string, compiled.positiontup, self._converts)
        self.options: Any = {"prepare": True} if dialect.driver == "psycopg" else {}
        columns = list(statement.exported_columns)  # of a SELECT, or what RETURNING names
        self._row: Callable[..., Any] = row or namedtuple("Row", [column.key for column in columns], rename=True)
        results = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
        self._results = [(i, convert) for i, convert in enumerate(results) if convert is not None]
        self.returns_rows = bool(columns)
        operation = compiled.string.split(None, 1)[0]
        self.span_name = " ".join([operation, *_tables(statement)])
        self.span_attributes = {
            "db.system.name": dialect.name,
            "db.operation.name": operation,
            "db.query.text": compiled.string,  # with places for values, never with the values
        }

    def rows(self, found: Sequence[Sequence[Any]]) -> list[Any]:
        row, results = self._row, self._results
        if not results:
            return [row(*raw) for raw in found]
        made = []
        for raw in found:
            values = list(raw)
            for i, convert in results:
                values[i] = convert(values[i])
            made.append(row(*values))
        return made

    def bound(self, given: Values) -> tuple[str, Any]:
        """The SQL and the parameters as the driver takes them."""
        values = {**self._constants, **given}
        if self._plain is not None:
            return self._plain.sql, self._plain.bind(values)
        for name in self._lists:
            values[name] = _padded(values[name])
        lengths = tuple([len(values[name]) for name in self._lists])
        text = self._texts.get(lengths) or self._text(lengths, values)
        for name in self._lists:
            values |= {f"{name}_{i}": value for i, value in enumerate(values.pop(name), 1)}
        return text.sql, text.bind(values)

    def _text(self, lengths: tuple[int, ...], values: dict[str, Any]) -> _Text:
        state = self._compiled.construct_expanded_state(values)
        converts = {**self._converts, **cast(Mapping[str, _Convert], state.processors)}
        text = self._texts[lengths] = _Text(state.statement, state.positiontup, converts)
        return text


class Statement(Generic[R]):
    """One statement. Its bind parameters are given by name; an IN list is `bindparam("ids", expanding=True)`.

    `row` makes the result of a row's values, in the order of the columns; by default a named tuple. `keys` names the
    columns an INSERT or UPDATE sets, besides the statement's own `values`; they are given by their names.
    `tracer` makes the spans of traced calls.
    """

    @overload
    def __init__(
        self: Statement[Any],
        statement: AnyStatement,
        row: None = None,
        *,
        keys: Sequence[str] | None = None,
        tracer: Tracer | None = None,
    ) -> None: ...

    @overload
    def __init__(
        self,
        statement: AnyStatement,
        row: Callable[..., R],
        *,
        keys: Sequence[str] | None = None,
        tracer: Tracer | None = None,
    ) -> None: ...

    def __init__(
        self,
        statement: AnyStatement,
        row: Callable[..., Any] | None = None,
        *,
        keys: Sequence[str] | None = None,
        tracer: Tracer | None = None,
    ) -> None:
        if isinstance(statement, Insert) and not list(statement.exported_columns):
            statement = statement.inline()  # else PostgreSQL's dialect adds RETURNING with the primary key
        self._statement = statement
        self._row = row
        self._keys = keys
        self._tracer = tracer or trace.get_tracer(__name__)
        self._plans: dict[str, _Plan] = {}

    def all(self, connection: Connection, **given: Any) -> list[R]:
        """Returns every row."""
        plan = self._plan(connection)
        found: list[Sequence[Any]] = self._run(connection, plan, given, _fetch)
        return plan.rows(found)

    def first(self, connection: Connection, **given: Any) -> R | None:
        """Returns the first row, None when there is none."""
        rows = self.all(connection, **given)
        return rows[0] if rows else None

    def run(self, connection: Connection, **given: Any) -> int:
        """Returns the number of rows changed. Raises TypeError for a statement that returns rows."""
        plan = self._plan(connection)
        if plan.returns_rows:
            raise TypeError("the statement returns rows: use all or first")
        changed: int = self._run(connection, plan, given, _count)
        return changed

    def run_many(self, connection: Connection, rows: Iterable[Values]) -> None:
        """Runs the statement, which has no IN list, once for each of `rows`: the values of its parameters."""
        plan = self._plan(connection)
        several = [plan.bound(given) for given in rows]
        if several:
            sql, parameters = several[0][0], [bound for _, bound in several]
            self._traced(plan, lambda: _execute(connection, sql, lambda cursor: cursor.executemany(sql, parameters)))

    def _plan(self, connection: Connection) -> _Plan:
        dialect = connection.dialect
        plan = self._plans.get(dialect.name)
        if plan is None:
            plan = self._plans[dialect.name] = _Plan(dialect, self._statement, self._keys, self._row)
        return plan

    def _run(self, connection: Connection, plan: _Plan, given: Values, result: Callable[[Any], Any]) -> Any:
        sql, parameters = plan.bound(given)

        def work(cursor: Any) -> Any:
            cursor.execute(sql, parameters, **plan.options)
            return result(cursor)

        return self._traced(plan, lambda: _execute(connection, sql, work))

    def _traced(self, plan: _Plan, work: Callable[[], Any]) -> Any:
        if not trace.get_current_span().is_recording():  # entering a span costs more than most statements
            return work()
        with self._tracer.start_as_current_span(plan.span_name, kind=SpanKind.CLIENT, attributes=plan.span_attributes):
            return work()


def scalar(value: Any) -> Any:
    """The `row` of a statement with one column: its value."""
    return value


def _execute(connection: Connection, sql: str, work: Callable[[Any], Any]) -> Any:
    """Lets `work` use the cursor of the driver's connection."""
    cursor = connection.info.get(_CURSOR)  # lives as long as the driver's connection; making one is slow on psycopg
    if cursor is None:
        cursor = connection.info[_CURSOR] = cast(Any, connection.connection.driver_connection).cursor()
    try:
        return work(cursor)
    except connection.dialect.loaded_dbapi.Error as error:
        _raise(connection, cursor, sql, error)


def _fetch(cursor: Any) -> Any:
    return cursor.fetchall()  # all, before the cursor serves the next statement


def _count(cursor: Any) -> Any:
    return cursor.rowcount


def _raise(connection: Connection, cursor: Any, sql: str, error: Exception) -> NoReturn:
    """Raises the driver's error as SQLAlchemy would."""
    dialect = connection.dialect
    lost = dialect.is_disconnect(cast(Any, error), cursor.connection, cursor)
    if lost:
        connection.invalidate(error)
        connection.engine.dispose()  # the other connections of the pool are as dead
    raise DBAPIError.instance(
        sql,
        None,
        error,
        cast(Any, dialect.loaded_dbapi.Error),
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=dialect,
    ) from error


def _padded(values: Iterable[Any]) -> list[Any]:
    """The values, the last one repeated up to a power of two, so that few lengths of list have to be prepared."""
    padded = list(values)
    missing = (1 << (len(padded) - 1).bit_length()) - len(padded) if padded else 0
    return padded + padded[-1:] * missing


def _tables(statement: Any) -> list[str]:
    if isinstance(statement, Select):
        return [str(table.name) for table in statement.get_final_froms() if hasattr(table, "name")]
    return [str(statement.table.name)]
