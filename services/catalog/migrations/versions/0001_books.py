"""Books, what they are filtered by, and the tables of the chassis."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from chassis.database import Instant
from chassis.schema import create_v1

revision = "0001"
down_revision = None

_BY_CODE_POINT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Creates all of it."""
    create_v1(op)
    op.create_table(
        "books",
        sa.Column("id", _BY_CODE_POINT, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("title_key", _BY_CODE_POINT, nullable=False),
        sa.Column("subtitle", sa.Text, nullable=False),
        sa.Column("contributors", sa.JSON, nullable=False),
        sa.Column("isbn13", _BY_CODE_POINT, nullable=False),
        sa.Column("format", sa.Text, nullable=False),
        sa.Column("publisher", sa.Text, nullable=False),
        sa.Column("publisher_key", _BY_CODE_POINT),
        sa.Column("language_code", sa.Text, nullable=False),
        sa.Column("language_key", _BY_CODE_POINT),
        sa.Column("publish_date", sa.Integer, nullable=False),
        sa.Column("publish_day", sa.Integer),
        sa.Column("page_count", sa.Integer, nullable=False),
        sa.Column("categories", sa.JSON, nullable=False),
        sa.Column("series_title", sa.Text, nullable=False),
        sa.Column("series_position", sa.Integer, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("price_minor", sa.BigInteger, nullable=False),
        sa.Column("price_currency", sa.Text, nullable=False),
        sa.Column("price_amount", sa.BigInteger, nullable=False),
        sa.Column("create_time", Instant, nullable=False),
        sa.Column("update_time", Instant, nullable=False),
        sa.Column("delete_time", Instant),
        sa.PrimaryKeyConstraint("id", name="books_pk"),
        sa.UniqueConstraint("isbn13", name="books_isbn13"),
    )
    op.create_index("books_title", "books", ["title_key", "id"])
    op.create_index("books_price", "books", ["price_amount", "id"])
    op.create_index("books_publish_day", "books", ["publish_day", "id"])
    op.create_index("books_create_time", "books", ["create_time", "id"])
    op.create_index("books_publisher", "books", ["publisher_key"])
    for table in ("book_categories", "book_contributors"):
        op.create_table(
            table,
            sa.Column("key", _BY_CODE_POINT, nullable=False),
            sa.Column("book_id", _BY_CODE_POINT, nullable=False),
            sa.PrimaryKeyConstraint("key", "book_id", name=f"{table}_pk"),
            sa.ForeignKeyConstraint(["book_id"], ["books.id"], name=f"{table}_book"),
        )
        op.create_index(f"{table}_book_id", table, ["book_id"])
