"""PostgreSQL: a pool, serializable transactions in the caller's thread, repeated when the server asks for it."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Final, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine
from sqlalchemy.exc import DBAPIError

from chassis.database.commit_hooks import take_notification
from chassis.database.failures import conditions_translated, is_conflict
from chassis.kernel import Backoff
from chassis.kernel.clock import monotonic
from chassis.v1.platform_errors import DeadlinePassed, StorageUnavailable

T = TypeVar("T")

_ATTEMPTS: Final = 10
_BACKOFF: Final = Backoff(first=timedelta(milliseconds=10), longest=timedelta(milliseconds=250))
_POOL_WAIT_SECONDS: Final = 5
_CONNECT_SECONDS: Final = 5


def open_postgres(url: URL, *, name: str, pool_size: int) -> Engine:
    """An engine on psycopg whose transactions are SERIALIZABLE, as they are on SQLite."""
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        isolation_level="SERIALIZABLE",
        hide_parameters=True,  # errors reach the log, and parameters are what people typed
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=_POOL_WAIT_SECONDS,
        connect_args={"connect_timeout": _CONNECT_SECONDS, "application_name": name},
    )


class PostgresStore:
    """Transactions and reads on one PostgreSQL database."""

    def __init__(self, url: URL, *, name: str, pool_size: int, committed: Callable[[], None]) -> None:
        self.engine = open_postgres(url, name=name, pool_size=pool_size)
        self._readers = self.engine.execution_options(isolation_level="AUTOCOMMIT")
        self._committed = committed
        self._local = threading.local()

    @property
    def in_transaction(self) -> bool:
        """Whether the current thread is inside a transaction."""
        return getattr(self._local, "inside", False)

    def transact(self, function: Callable[[Connection], T], expires: float | None) -> T:
        """Runs `function` and commits; on a serialization failure, a deadlock or a connection lost before the commit,
        runs it again.

        Raises DeadlinePassed when `expires` (seconds, monotonic clock) passed before an attempt, StorageUnavailable
        when the database is not there or the attempts are used up.
        """
        for attempt in range(_ATTEMPTS):
            if expires is not None and monotonic() > expires:
                raise DeadlinePassed(detail="the deadline passed before the change could be made")
            if attempt:
                _pause(attempt)
            committing = False
            try:
                with conditions_translated(), self.engine.connect() as tx:
                    take_notification(tx)  # what an undone transaction left on the pooled connection
                    transaction = tx.begin()
                    result = self._inside(function, tx)
                    committing = True
                    transaction.commit()
                    announced = take_notification(tx)
            except (DBAPIError, StorageUnavailable) as error:
                lost_early = not committing and attempt == 0 and _lost(error)
                if not is_conflict(error) and not lost_early:
                    raise
            else:
                if announced:
                    self._committed()
                return result
        raise StorageUnavailable

    def read(self, function: Callable[[Connection], T]) -> T:
        """Runs `function` on a pooled connection in AUTOCOMMIT; once more when the connection turns out to be dead."""
        try:
            return self._read(function)
        except StorageUnavailable as error:
            if not _lost(error):
                raise
        return self._read(function)

    def close(self) -> None:
        """Closes the pool."""
        self.engine.dispose()

    def _read(self, function: Callable[[Connection], T]) -> T:
        with conditions_translated(), self._readers.connect() as connection:
            return function(connection)

    def _inside(self, function: Callable[[Connection], T], tx: Connection) -> T:
        self._local.inside = True
        try:
            return function(tx)
        finally:
            self._local.inside = False


def _pause(attempt: int) -> None:
    longest = _BACKOFF.pause(attempt).total_seconds()
    time.sleep(random.uniform(longest / 2, longest))  # noqa: S311  # spreads retries, guards no secret


def _lost(error: Exception) -> bool:
    """Whether a pooled connection was found dead, so that a fresh one may well work."""
    return isinstance(error.__cause__, DBAPIError) and error.__cause__.connection_invalidated
