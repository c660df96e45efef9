"""Column types and statements that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, Final

from sqlalchemy import BigInteger, Connection, Dialect, Table, Text
from sqlalchemy.types import TypeDecorator

from chassis.database.statement import Statement

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


ByCodePoint: Final = Text().with_variant(Text(collation="C"), "postgresql")
"""A text that sorts and compares by code point, as SQLite does: for keys, and for what is filtered or sorted by."""


class Instant(TypeDecorator[datetime]):
    """A moment: an aware datetime outside, microseconds since 1970-01-01T00:00:00Z as BIGINT inside.

    Exact, ordered like time, and the same on every engine. Refuses a datetime without a time zone (ValueError).
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Returns the number of microseconds."""
        return None if value is None else microseconds(value)

    def process_result_value(self, value: int | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Returns the time, in UTC."""
        return None if value is None else instant(value)

    @property
    def python_type(self) -> type[datetime]:
        """The type of values outside."""
        return datetime


def microseconds(time: datetime) -> int:
    """Returns the stored form of an aware datetime. Raises ValueError for one without a time zone."""
    if time.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return (time - _EPOCH) // _MICROSECOND


def instant(stored: int) -> datetime:
    """Returns the time of its stored form, in UTC."""
    return _EPOCH + timedelta(microseconds=stored)


@cache
def _insert_or_ignore(table: Table, dialect: str, columns: tuple[str, ...]) -> Statement[Any]:
    # The one import that is needed: the other engine's dialect and drivers cost every process memory and time.
    module = importlib.import_module(f"sqlalchemy.dialects.{dialect}")
    return Statement(module.insert(table).on_conflict_do_nothing(), keys=columns)


def insert_if_absent(tx: Connection, table: Table, values: Mapping[str, Any]) -> bool:
    """Inserts a row unless one of the table's unique keys is taken; returns whether it did.

    `values` names every column that has no default.
    """
    return _insert_or_ignore(table, tx.dialect.name, tuple(values)).run(tx, **values) == 1
