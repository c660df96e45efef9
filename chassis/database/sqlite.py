"""SQLite: one file, one writer, a held read connection per thread."""

from __future__ import annotations

import os
import sqlite3
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

from chassis.database.failures import conditions_translated
from chassis.database.group_commit import GroupCommit, SharedConnection
from chassis.v1.platform_errors import StorageUnavailable

T = TypeVar("T")

_LOCK_WAIT_MS: Final = 5_000
_WRITER_CACHE_KIB: Final = 16 * 1024
_READER_CACHE_KIB: Final = 2 * 1024
"""Readers are many and read through the memory map; the pages are shared with the file cache of the system."""
_MEMORY_MAP_BYTES: Final = 256 * 1024 * 1024
_PRAGMAS: Final = (
    f"busy_timeout={_LOCK_WAIT_MS}",
    "journal_mode=WAL",
    "synchronous=FULL",  # a commit survives power loss; group commit pays for it
    "foreign_keys=ON",
    f"mmap_size={_MEMORY_MAP_BYTES}",
    f"cache_size=-{_READER_CACHE_KIB}",
    "temp_store=MEMORY",
)
_AUTOCOMMIT: Final = {"isolation_level": "AUTOCOMMIT"}


def open_sqlite(url: URL) -> Engine:
    """An engine on a file, created readable by its owner only, with the house's pragmas.

    Transactions begun on the engine itself are BEGIN IMMEDIATE. Raises ValueError without a file name: readers and
    writer have connections of their own and must see the same data.
    """
    if not url.database or url.database == ":memory:":
        raise ValueError("a SQLite database needs a file, such as sqlite:///data/catalog.sqlite3")
    path = Path(url.database)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # its journal files take the mode from it
    engine = create_engine(
        url,
        poolclass=NullPool,
        hide_parameters=True,  # errors reach the log, and parameters are what people typed
        connect_args={"check_same_thread": False, "isolation_level": None},
    )
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(driver: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    driver.isolation_level = None  # the driver's own transactions would break grouping
    for pragma in _PRAGMAS:
        driver.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
        connection.exec_driver_sql("BEGIN IMMEDIATE")


class SqliteStore:
    """Transactions and reads on one SQLite file."""

    def __init__(self, url: URL, *, name: str, committed: Callable[[], None]) -> None:
        self.engine = open_sqlite(url)
        self._local = threading.local()
        self._readers: list[tuple[weakref.ref[threading.Thread], Connection]] = []
        self._opening = threading.Lock()
        self._closed = False
        self._writer = GroupCommit(self._open_writer, name=name, committed=committed)

    @property
    def in_transaction(self) -> bool:
        """Whether the current thread is inside a transaction."""
        return self._writer.is_current_thread

    def transact(self, function: Callable[[Connection], T], expires: float | None) -> T:
        """Runs `function` in the writer; see GroupCommit.submit."""
        return self._writer.submit(function, expires)

    def read(self, function: Callable[[Connection], T]) -> T:
        """Runs `function` on this thread's read connection."""
        with conditions_translated():
            return function(self._reader())

    def close(self) -> None:
        """Finishes the transactions in hand and closes every connection."""
        self._writer.close()
        with self._opening:
            self._closed = True
            for _, connection in self._readers:
                connection.close()
            self._readers.clear()
        self.engine.dispose()

    def _open_writer(self) -> SharedConnection:
        connection = SharedConnection(self.engine)
        connection.execution_options(**_AUTOCOMMIT)
        connection.exec_driver_sql(f"PRAGMA cache_size=-{_WRITER_CACHE_KIB}")
        return connection

    def _reader(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed:
            connection = self.engine.connect().execution_options(**_AUTOCOMMIT)
            connection.exec_driver_sql("PRAGMA query_only=ON")
            self._keep(connection)
            self._local.connection = connection
        return connection

    def _keep(self, connection: Connection) -> None:
        with self._opening:
            if self._closed:
                connection.close()
                raise StorageUnavailable
            kept = []
            for owner, held in self._readers:
                thread = owner()
                if thread is not None and thread.is_alive():
                    kept.append((owner, held))
                else:
                    held.close()
            self._readers = [*kept, (weakref.ref(threading.current_thread()), connection)]
