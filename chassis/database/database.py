"""The one door to a service's database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeVar

import structlog
from sqlalchemy import Connection, Engine, make_url, text

from chassis import call
from chassis.database.failures import NestedTransaction
from chassis.database.postgres import PostgresStore
from chassis.database.sqlite import SqliteStore
from chassis.kernel.clock import monotonic

T = TypeVar("T")

_PING: Final = text("SELECT 1")

_log = structlog.get_logger(__name__)


class Database:
    """One database: `sqlite:///path` or `postgresql://…`.

    `pool_size` counts PostgreSQL connections. `remaining` tells the seconds left for the current call, None without
    a deadline; work that is still waiting when they are over is dropped.
    """

    def __init__(
        self,
        url: str,
        *,
        name: str,
        pool_size: int = 16,
        remaining: Callable[[], float | None] = call.remaining,
    ) -> None:
        parsed = make_url(url)
        self._remaining = remaining
        self._listeners: list[Callable[[], None]] = []
        backend = parsed.get_backend_name()
        self._store: SqliteStore | PostgresStore
        if backend == "sqlite":
            self._store = SqliteStore(parsed, name=name, committed=self._tell)
        elif backend == "postgresql":
            self._store = PostgresStore(parsed, name=name, pool_size=pool_size, committed=self._tell)
        else:
            raise ValueError(f"the database is sqlite or postgresql, not {backend}")

    @property
    def engine(self) -> Engine:
        """The SQLAlchemy engine, for instrumentation and tests; services use transact and read."""
        return self._store.engine

    def transact(self, function: Callable[[Connection], T]) -> T:
        """Runs `function` in one serializable transaction and answers its result once it is durable.

        The function changes nothing but the database: it may run again (PostgreSQL, serialization failure) and may
        run in another thread (SQLite), with the caller's context variables. It fetches its results before it returns
        and calls no other service. When it raises, all it did is undone and the error comes to the caller.

        Raises StorageUnavailable when the commit fails, DeadlinePassed when the deadline passed while waiting,
        NestedTransaction inside another transaction.
        """
        self._refuse_nesting()
        remaining = self._remaining()
        return self._store.transact(function, None if remaining is None else monotonic() + remaining)

    def read(self, function: Callable[[Connection], T]) -> T:
        """Runs `function` on a read-only connection in AUTOCOMMIT: each statement sees the latest commit.

        Raises StorageUnavailable when the database is not there, NestedTransaction inside a transaction.
        """
        self._refuse_nesting()
        return self._store.read(function)

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Calls `listener` after each commit of a transaction that was announced (see `notify_on_commit`).

        It runs before the caller is answered: it must be quick and must not raise.
        """
        self._listeners.append(listener)

    def ping(self) -> None:
        """Asks the database for a sign of life. Raises StorageUnavailable."""
        self.read(lambda connection: connection.execute(_PING).scalar_one())

    def close(self) -> None:
        """Finishes the transactions in hand and closes every connection."""
        self._store.close()

    def _refuse_nesting(self) -> None:
        if self._store.in_transaction:
            raise NestedTransaction("inside a transaction use its connection, not the database")

    def _tell(self) -> None:
        for listener in self._listeners:
            try:
                listener()
            except Exception as error:  # noqa: BLE001  # the commit stands, whatever a listener does
                _log.error("a commit listener failed", exc_info=error)
