"""Books in SQL.

A book is one row, so that reading one is one statement: lists inside it are JSON. book_categories and
book_contributors repeat what is filtered by, folded (see `folded`). All texts compare by code point on every engine.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Connection,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    insert,
    select,
    update,
)

from chassis.database import AnyRow, ByCodePoint, Instant, insert_if_absent
from chassis.kernel import Money
from chassis.kernel.money import MINOR_DIGITS
from chassis.schema import chassis_tables
from services.catalog.domain import Book, Contributor, ContributorRole, Edition, Format, PartialDate, Series

THOUSANDTHS: Final = 3
"""Digits after the point of `price_amount`: as many as the finest accepted currency has."""
_KEY_CHARACTERS: Final = 500
"""Folding can lengthen a text; PostgreSQL refuses index entries of about 2,700 bytes, 500 characters always fit."""

metadata = MetaData()
chassis_tables(metadata)

BOOKS: Final = Table(
    "books",
    metadata,
    Column("id", ByCodePoint, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("title", Text, nullable=False),
    Column("title_key", ByCodePoint, nullable=False),
    Column("subtitle", Text, nullable=False),
    Column("contributors", JSON, nullable=False),  # [[display name, role], ...]
    Column("isbn13", ByCodePoint, nullable=False),
    Column("format", Text, nullable=False),
    Column("publisher", Text, nullable=False),
    Column("publisher_key", ByCodePoint),
    Column("language_code", Text, nullable=False),
    Column("language_key", ByCodePoint),
    Column("publish_date", Integer, nullable=False),  # yyyymmdd, zeros where unknown: 20010000 is the year 2001
    Column("publish_day", Integer),  # yyyymmdd, a month or year counts as its first day
    Column("page_count", Integer, nullable=False),
    Column("categories", JSON, nullable=False),  # [category, ...]
    Column("series_title", Text, nullable=False),
    Column("series_position", Integer, nullable=False),
    Column("description", Text, nullable=False),
    Column("price_minor", BigInteger, nullable=False),
    Column("price_currency", Text, nullable=False),
    Column("price_amount", BigInteger, nullable=False),  # thousandths, to compare prices whatever their currency
    Column("create_time", Instant, nullable=False),
    Column("update_time", Instant, nullable=False),
    Column("delete_time", Instant),
    PrimaryKeyConstraint("id", name="books_pk"),
    UniqueConstraint("isbn13", name="books_isbn13"),
    Index("books_title", "title_key", "id"),
    Index("books_price", "price_amount", "id"),
    Index("books_publish_day", "publish_day", "id"),
    Index("books_create_time", "create_time", "id"),
    Index("books_publisher", "publisher_key"),
)
BOOK_CATEGORIES: Final = Table(
    "book_categories",
    metadata,
    Column("category_key", ByCodePoint, nullable=False),
    Column("book_id", ByCodePoint, nullable=False),
    PrimaryKeyConstraint("category_key", "book_id", name="book_categories_pk"),
    ForeignKeyConstraint(["book_id"], ["books.id"], name="book_categories_book"),
    Index("book_categories_book_id", "book_id"),
)
BOOK_CONTRIBUTORS: Final = Table(
    "book_contributors",
    metadata,
    Column("contributor_key", ByCodePoint, nullable=False),
    Column("book_id", ByCodePoint, nullable=False),
    PrimaryKeyConstraint("contributor_key", "book_id", name="book_contributors_pk"),
    ForeignKeyConstraint(["book_id"], ["books.id"], name="book_contributors_book"),
    Index("book_contributors_book_id", "book_id"),
)

_KEYS: Final = frozenset({"title_key", "publisher_key", "language_key", "publish_day", "price_amount"})
_BOOK_COLUMNS: Final = tuple(column for column in BOOKS.c if column.name not in _KEYS)
"""What makes a Book; the rest is for searching."""

SELECT_BOOKS: Final = select(*_BOOK_COLUMNS)
"""All books, as rows for `book_of`."""
_BY_ID: Final = SELECT_BOOKS.where(BOOKS.c.id == bindparam("book_id"))
_BY_IDS: Final = SELECT_BOOKS.where(
    BOOKS.c.id.in_(bindparam("book_ids", expanding=True)), BOOKS.c.delete_time.is_(None)
)
_ID_OF_ISBN: Final = select(BOOKS.c.id).where(BOOKS.c.isbn13 == bindparam("isbn13"))
_UPDATE: Final = update(BOOKS).where(BOOKS.c.id == bindparam("book_id"))


def folded(text: str) -> str:
    """The text as it is compared: composed (Unicode NFC), without regard to case, its first 500 characters."""
    return unicodedata.normalize("NFC", text.casefold())[:_KEY_CHARACTERS]


def day_number(year: int, month: int, day: int) -> int:
    """A day as a number that sorts like it: yyyymmdd."""
    return year * 10_000 + month * 100 + day


def find_book(connection: Connection, book_id: str) -> Book | None:
    """The book with the id, deleted or not."""
    row = connection.execute(_BY_ID, {"book_id": book_id}).one_or_none()
    return None if row is None else book_of(row)


def find_books(connection: Connection, book_ids: Iterable[str]) -> dict[str, Book]:
    """The books with the ids by id, without those that are unknown or deleted."""
    rows = connection.execute(_BY_IDS, {"book_ids": sorted(set(book_ids))})
    return {row.id: book_of(row) for row in rows}


def id_with_isbn(connection: Connection, isbn13: str) -> str | None:
    """The id of the book, deleted or not, that has the ISBN."""
    book_id: str | None = connection.execute(_ID_OF_ISBN, {"isbn13": isbn13}).scalar_one_or_none()
    return book_id


def add_book(tx: Connection, book: Book) -> bool:
    """Adds a book unless its id or its ISBN is taken; says whether it did."""
    if not insert_if_absent(tx, BOOKS, _values(book)):
        return False
    _insert_keys(tx, BOOK_CATEGORIES, book.id, _category_keys(book.edition))
    _insert_keys(tx, BOOK_CONTRIBUTORS, book.id, _contributor_keys(book.edition))
    return True


def replace_book(tx: Connection, before: Book, after: Book) -> None:
    """Writes a book over its former self."""
    tx.execute(_UPDATE, {"book_id": after.id, **_values(after)})
    for table, keys_of in ((BOOK_CATEGORIES, _category_keys), (BOOK_CONTRIBUTORS, _contributor_keys)):
        keys = keys_of(after.edition)
        if keys != keys_of(before.edition):
            tx.execute(delete(table).where(table.c.book_id == after.id))
            _insert_keys(tx, table, after.id, keys)


def book_of(row: AnyRow) -> Book:
    """The book in a row of SELECT_BOOKS."""
    edition = Edition(
        title=row.title,
        subtitle=row.subtitle,
        contributors=tuple(
            Contributor(display_name=display_name, role=ContributorRole(role))
            for display_name, role in row.contributors
        ),
        isbn13=row.isbn13,
        format=Format(row.format),
        publisher=row.publisher,
        language_code=row.language_code,
        publish_date=_date_of(row.publish_date),
        page_count=row.page_count,
        categories=tuple(row.categories),
        series=Series(title=row.series_title, position=row.series_position) if row.series_title else None,
        description=row.description,
        price=Money(minor=row.price_minor, currency=row.price_currency),
    )
    return Book(
        id=row.id,
        edition=edition,
        create_time=row.create_time,
        update_time=row.update_time,
        delete_time=row.delete_time,
        version=row.version,
    )


def _values(book: Book) -> dict[str, Any]:
    edition, date = book.edition, book.edition.publish_date
    return {
        "id": book.id,
        "version": book.version,
        "title": edition.title,
        "title_key": folded(edition.title),
        "subtitle": edition.subtitle,
        "contributors": [[contributor.display_name, contributor.role] for contributor in edition.contributors],
        "isbn13": edition.isbn13,
        "format": edition.format,
        "publisher": edition.publisher,
        "publisher_key": folded(edition.publisher) or None,
        "language_code": edition.language_code,
        "language_key": folded(edition.language_code) or None,
        "publish_date": day_number(date.year, date.month, date.day) if date else 0,
        "publish_day": day_number(date.year, date.month or 1, date.day or 1) if date else None,
        "page_count": edition.page_count,
        "categories": list(edition.categories),
        "series_title": edition.series.title if edition.series else "",
        "series_position": edition.series.position if edition.series else 0,
        "description": edition.description,
        "price_minor": edition.price.minor,
        "price_currency": edition.price.currency,
        "price_amount": edition.price.minor * 10 ** (THOUSANDTHS - MINOR_DIGITS[edition.price.currency]),
        "create_time": book.create_time,
        "update_time": book.update_time,
        "delete_time": book.delete_time,
    }


def _category_keys(edition: Edition) -> frozenset[str]:
    return frozenset(folded(category) for category in edition.categories)


def _contributor_keys(edition: Edition) -> frozenset[str]:
    return frozenset(folded(contributor.display_name) for contributor in edition.contributors)


def _insert_keys(tx: Connection, table: Table, book_id: str, keys: frozenset[str]) -> None:
    if keys:
        key_column = table.primary_key.columns[0].name
        tx.execute(insert(table), [{"book_id": book_id, key_column: key} for key in sorted(keys)])


def _date_of(number: int) -> PartialDate | None:
    if not number:
        return None
    return PartialDate(year=number // 10_000, month=number // 100 % 100, day=number % 100)
