"""Group commit: one thread writes, many callers share one durable COMMIT.

The thread takes what is waiting, opens one transaction (BEGIN IMMEDIATE), runs every caller's function in a savepoint
of its own, commits once and then returns all results. A caller whose function raises is rolled back alone.

The driver is in autocommit and the transaction statements go straight to it: on pysqlite's own transaction handling
savepoints do not group, each would be committed.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextvars import Context, copy_context
from queue import Empty, SimpleQueue
from typing import Any, Final, NoReturn, TypeVar

import structlog
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from chassis.database.commit_hooks import take_notification
from chassis.database.failures import conditions_translated
from chassis.kernel.clock import monotonic
from chassis.v1.platform_errors import DeadlinePassed, StorageUnavailable

T = TypeVar("T")

_GROUP_SIZE: Final = 64
_GROUP_SECONDS: Final = 0.02
"""A group stops taking callers after this long, so that the first one is not kept waiting for its commit."""

_log = structlog.get_logger(__name__)


class _TransactionLost(Exception):
    """SQLite rolled the whole transaction back (disk full, I/O error), not only the failing statement."""


class SharedConnection(Connection):
    """The writer's connection: no function may end the transaction it shares with the other callers."""

    def commit(self) -> NoReturn:
        """Refused."""
        raise RuntimeError("the transaction ends when the function returns or raises")

    def rollback(self) -> NoReturn:
        """Refused."""
        raise RuntimeError("the transaction ends when the function returns or raises")


class _Job:
    """One caller: what to run, where it waits and what it gets."""

    __slots__ = ("context", "done", "error", "expires", "function", "result")

    def __init__(self, function: Callable[[Connection], Any], context: Context, expires: float | None) -> None:
        self.function = function
        self.context = context
        self.expires = expires
        self.result: Any = None
        self.error: BaseException | None = None
        self.done = threading.Lock()
        self.done.acquire()


class GroupCommit:
    """The writer of one SQLite file.

    `connect` opens a connection in driver autocommit, `committed` is called in the writer's thread after a commit
    that one of the callers announced.
    """

    def __init__(self, connect: Callable[[], SharedConnection], *, name: str, committed: Callable[[], None]) -> None:
        self._connect = connect
        self._committed = committed
        self._queue: SimpleQueue[_Job | None] = SimpleQueue()
        self._submitting = threading.Lock()
        self._closed = False
        self._announced = False
        self._connection: SharedConnection | None = None
        self._thread = threading.Thread(target=self._serve, name=f"{name}-writer", daemon=True)
        self._thread.start()

    @property
    def is_current_thread(self) -> bool:
        """Whether the code that asks runs inside a transaction of this writer."""
        return threading.get_ident() == self._thread.ident

    def submit(self, function: Callable[[Connection], T], expires: float | None) -> T:
        """Runs `function` in the writer's thread and answers once it is durable.

        `expires` is a moment of the monotonic clock in seconds: a function still waiting then is dropped
        (DeadlinePassed). Raises what the function raises, and StorageUnavailable when the commit fails.
        """
        job = _Job(function, copy_context(), expires)
        with self._submitting:
            if self._closed:
                raise StorageUnavailable
            self._queue.put(job)
        job.done.acquire()
        if job.error is not None:
            raise job.error
        result: T = job.result
        return result

    def close(self) -> None:
        """Finishes what was submitted and ends the thread. May be repeated."""
        with self._submitting:
            if not self._closed:
                self._closed = True
                self._queue.put(None)
        self._thread.join()

    def _serve(self) -> None:
        while (job := self._queue.get()) is not None:
            self._commit_together(job)
        self._disconnect()

    def _commit_together(self, first: _Job) -> None:
        group: list[_Job] = []
        self._announced = False
        try:
            connection, driver = self._open()
            driver.execute("BEGIN IMMEDIATE")
            for job in self._waiting(first):
                group.append(job)
                self._run(job, connection, driver)
            driver.execute("COMMIT")
        except Exception as error:  # noqa: BLE001  # whatever it is, every caller must be answered
            group = group or list(self._waiting(first))
            _log.warning("commit failed", callers=len(group), error=type(error).__name__, exc_info=error)
            for job in group:
                job.error = StorageUnavailable()
                job.error.__cause__ = error
            self._disconnect()  # rolls back what is open; the next group opens a fresh connection
        else:
            if self._announced:
                self._committed()
        for job in group:
            job.done.release()

    def _waiting(self, first: _Job) -> Iterator[_Job]:
        yield first
        until = monotonic() + _GROUP_SECONDS
        for _ in range(_GROUP_SIZE - 1):
            try:
                job = self._queue.get_nowait()
            except Empty:
                return
            if job is None:
                self._queue.put(None)  # the end; nothing comes after it
                return
            yield job
            if monotonic() > until:
                return

    def _run(self, job: _Job, connection: Connection, driver: sqlite3.Connection) -> None:
        if job.expires is not None and monotonic() > job.expires:
            job.error = DeadlinePassed(detail="the deadline passed before the change could begin")
            return
        driver.execute("SAVEPOINT caller")
        try:
            with conditions_translated():
                job.result = job.context.run(job.function, connection)
            _refuse_open_savepoints(connection)
        except BaseException as error:  # it is the caller's to handle
            if not driver.in_transaction:
                raise _TransactionLost from error
            driver.execute("ROLLBACK TO caller")
            take_notification(connection)
            job.error = error
        else:
            self._announced |= take_notification(connection)
        driver.execute("RELEASE caller")

    def _open(self) -> tuple[Connection, sqlite3.Connection]:
        if self._connection is None:
            self._connection = self._connect()
        driver = self._connection.connection.driver_connection
        if not isinstance(driver, sqlite3.Connection):
            raise TypeError("group commit is for SQLite")
        return self._connection, driver

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except (SQLAlchemyError, sqlite3.Error) as error:
                _log.warning("closing the writer's connection failed", exc_info=error)


def _refuse_open_savepoints(connection: Connection) -> None:
    left = False
    while (savepoint := connection.get_nested_transaction()) is not None:
        left = True
        savepoint.rollback()
    if left:
        raise RuntimeError("the function left a savepoint open; use begin_nested() in a with statement")
