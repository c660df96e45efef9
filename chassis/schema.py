"""The tables the chassis keeps in the database of every service."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from chassis.database.columns import Instant

_CHASSIS: Final = MetaData()

OUTBOX: Final = Table(
    "outbox",
    _CHASSIS,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("event_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("aggregate", Text, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("headers", Text, nullable=False),  # JSON object of texts
    Column("payload", LargeBinary, nullable=False),
    Column("created", Instant, nullable=False),
    Column("published", Instant),
    UniqueConstraint("event_id", name="outbox_event_id"),
    sqlite_autoincrement=True,
)
"""Events on their way to the broker and, for some days, those that got there."""

_unpublished = OUTBOX.c.published.is_(None)
Index("outbox_unpublished", OUTBOX.c.id, sqlite_where=_unpublished, postgresql_where=_unpublished)

INBOX: Final = Table(
    "inbox",
    _CHASSIS,
    Column("event_id", Text, nullable=False),
    Column("received", Instant, nullable=False),
    PrimaryKeyConstraint("event_id", name="inbox_pk"),
    Index("inbox_received", "received"),
)
"""Ids of the events whose effect is in this database."""

DEAD_LETTERS: Final = Table(
    "dead_letters",
    _CHASSIS,
    Column("event_id", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("headers", Text, nullable=False),  # JSON object of texts
    Column("payload", LargeBinary, nullable=False),
    Column("reason", Text, nullable=False),
    Column("deliveries", BigInteger, nullable=False),
    Column("created", Instant, nullable=False),
    Column("redrive", Boolean, nullable=False, server_default=false()),
    PrimaryKeyConstraint("event_id", name="dead_letters_pk"),
)
"""Events that could not be handled; `redrive` asks the service to try once more."""

ANSWERS: Final = Table(
    "answers",
    _CHASSIS,
    Column("caller", Text, nullable=False),
    Column("method", Text, nullable=False),
    Column("request_key", Text, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("answer", LargeBinary, nullable=False),
    Column("created", Instant, nullable=False),
    PrimaryKeyConstraint("caller", "method", "request_key", name="answers_pk"),
    Index("answers_created", "created"),
)
"""Answers already given, by caller, method and request_id."""

LEASES: Final = Table(
    "leases",
    _CHASSIS,
    Column("name", Text, nullable=False),
    Column("holder", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("expires", Instant, nullable=False),
    PrimaryKeyConstraint("name", name="leases_pk"),
)
"""Who may do work that one process at a time may do; `fence` grows with every new holder."""


def chassis_tables(metadata: MetaData) -> None:
    """Adds the chassis tables to a service's metadata, so that migrations and schema comparison see all of them."""
    for table in _CHASSIS.sorted_tables:
        table.to_metadata(metadata)


def create_v1(op: Any) -> None:
    """Creates the chassis tables from within a service's first migration; `op` is alembic's.

    This is version one of them: a later change comes as a function of its own, called by a migration of its own.
    """
    _CHASSIS.create_all(op.get_bind(), checkfirst=False)
