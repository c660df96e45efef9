"""What can go wrong with a database, as callers see it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy import exc
from sqlalchemy.exc import DBAPIError

from chassis.v1.platform_errors import StorageUnavailable


class NestedTransaction(RuntimeError):
    """A function inside a transaction asked the database for another one; it has to use the connection it was given."""


_SQLITE_CONDITIONS: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
    }
)
_POSTGRES_CONDITIONS: Final = ("08", "53", "57P", "25006")  # connection, resources, shutdown, read-only
_POSTGRES_CONFLICTS: Final = ("40001", "40P01")  # serialization failure, deadlock


def is_conflict(error: Exception) -> bool:
    """Whether PostgreSQL asks to run the same transaction again."""
    return isinstance(error, DBAPIError) and _sqlstate(error.orig) in _POSTGRES_CONFLICTS


def is_condition(error: BaseException) -> bool:
    """Whether the error is a condition of the database (full, locked, unreachable), not a mistake in a statement."""
    if isinstance(error, exc.TimeoutError):  # no pooled connection became free
        return True
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        code: int = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        return code & 0xFF in _SQLITE_CONDITIONS  # the low byte is the primary code, the rest the detail
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    sqlstate = _sqlstate(cause)
    if sqlstate is None:
        return isinstance(error, exc.OperationalError)  # the server was not reached, so it gave no state
    return sqlstate.startswith(_POSTGRES_CONDITIONS)


@contextmanager
def conditions_translated() -> Iterator[None]:
    """Within it a condition of the database becomes StorageUnavailable; every other error stays as it is."""
    try:
        yield
    except (DBAPIError, exc.TimeoutError, sqlite3.Error) as error:
        if is_condition(error):
            raise StorageUnavailable from error
        raise


def _sqlstate(cause: BaseException | None) -> str | None:
    """The SQLSTATE of an error of psycopg, which is not imported for it: most processes never need that driver."""
    return getattr(cause, "sqlstate", None)
