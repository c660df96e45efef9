"""What a service asks its database, seen by the driver: engine events do not know of Statements."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from sqlalchemy import event

from chassis.database import Database
from chassis.database.sqlite import SqliteStore

_TRANSACTION: Final = ("BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE", "PRAGMA", "--")


@contextmanager
def sql_of(database: Database) -> Iterator[list[str]]:
    """The statements that run meanwhile, without transactions and set-up; rows inserted together count as one."""
    noted: list[str] = []

    def note(statement: str) -> None:
        if statement.startswith(_TRANSACTION):
            return
        shape = statement.partition(" VALUES ")[0] if statement.startswith("INSERT") else statement
        if not (noted and shape.startswith("INSERT") and noted[-1] == shape):
            noted.append(shape)

    watched = _watched_sqlite if isinstance(database._store, SqliteStore) else _watched_postgres
    with watched(database, note):
        yield noted


@contextmanager
def _watched_sqlite(database: Database, note: Any) -> Iterator[None]:
    def connected(driver: sqlite3.Connection, _: object) -> None:
        driver.set_trace_callback(note)

    store: Any = database._store
    held = [*(connection for _, connection in store._readers), store._writer._connection]
    drivers = [connection.connection.driver_connection for connection in held if connection is not None]
    for driver in drivers:
        driver.set_trace_callback(note)
    event.listen(database.engine, "connect", connected)
    try:
        yield
    finally:
        event.remove(database.engine, "connect", connected)
        for driver in drivers:
            driver.set_trace_callback(None)


@contextmanager
def _watched_postgres(database: Database, note: Any) -> Iterator[None]:
    class Cursor(psycopg.Cursor[Any]):
        def execute(self, query: Any, *arguments: Any, **options: Any) -> Any:
            note(query)
            return super().execute(query, *arguments, **options)

        def executemany(self, query: Any, *arguments: Any, **options: Any) -> Any:
            note(query)
            return super().executemany(query, *arguments, **options)

    def checked_out(driver: Any, record: Any, _: object) -> None:
        record.info.pop("chassis.cursor", None)
        driver.cursor_factory = Cursor

    event.listen(database.engine, "checkout", checked_out)
    try:
        yield
    finally:
        event.remove(database.engine, "checkout", checked_out)
