"""The books of the sandbox provider: tables of its own, which only `sandbox.py` reads and writes."""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, MetaData, PrimaryKeyConstraint, Table, Text

from chassis.database import Instant

_PROVIDER: Final = MetaData()

PROVIDER_PAYMENTS: Final = Table(
    "provider_payments",
    _PROVIDER,
    Column("payment", Text, nullable=False),  # the shop's id
    Column("method", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("status", Text, nullable=False),
    Column("decline_reason", Text, nullable=False),
    Column("captured_minor", BigInteger, nullable=False),
    Column("refunded_minor", BigInteger, nullable=False),
    Column("settles", Instant, nullable=False),  # when a PENDING payment is authorized
    PrimaryKeyConstraint("payment", name="provider_payments_pk"),
)
PROVIDER_REQUESTS: Final = Table(
    "provider_requests",
    _PROVIDER,
    Column("request_key", Text, nullable=False),
    Column("payment", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    PrimaryKeyConstraint("request_key", name="provider_requests_pk"),
)
"""Every step that was asked for, once; what makes a repeat a repeat."""


def provider_tables(metadata: MetaData) -> None:
    """Adds the provider's tables to the metadata of the database that they share with payments."""
    for table in _PROVIDER.sorted_tables:
        table.to_metadata(metadata)
