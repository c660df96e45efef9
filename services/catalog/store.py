"""Books in SQL.

A book is one row, so that reading one is one statement: lists inside it are JSON. book_categories and
book_contributors repeat what is filtered by, folded (see `folded`). All texts compare by code point on every engine.
"""

from __future__ import annotations

import unicodedata
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

from chassis.database import ByCodePoint, Columns, Instant, RowCodec, Statement, insert_if_absent
from chassis.kernel import Money
from chassis.kernel.money import MINOR_DIGITS
from chassis.schema import chassis_tables
from services.catalog.book import Book, Contributor, ContributorRole, Edition, Format, PartialDate, Series

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


def _key_table(name: str) -> Table:
    return Table(
        name,
        metadata,
        Column("key", ByCodePoint, nullable=False),
        Column("book_id", ByCodePoint, nullable=False),
        PrimaryKeyConstraint("key", "book_id", name=f"{name}_pk"),
        ForeignKeyConstraint(["book_id"], ["books.id"], name=f"{name}_book"),
        Index(f"{name}_book_id", "book_id"),
    )


BOOK_CATEGORIES: Final = _key_table("book_categories")
BOOK_CONTRIBUTORS: Final = _key_table("book_contributors")
_KEY_TABLES: Final = (BOOK_CATEGORIES, BOOK_CONTRIBUTORS)


def folded(text: str) -> str:
    """Returns the string as it is compared: composed (Unicode NFC), case-folded, its first 500 characters."""
    return unicodedata.normalize("NFC", text.casefold())[:_KEY_CHARACTERS]


def day_number(year: int, month: int, day: int) -> int:
    """Returns a day as a number that sorts like it: yyyymmdd."""
    return year * 10_000 + month * 100 + day


def _contributors_of(pairs: list[list[str]]) -> tuple[Contributor, ...]:
    return tuple(Contributor(display_name=name, role=ContributorRole(role)) for name, role in pairs)


def _date_of(number: int) -> PartialDate | None:
    if not number:
        return None
    return PartialDate(year=number // 10_000, month=number // 100 % 100, day=number % 100)


_EDITION: Final = RowCodec(
    Edition,
    BOOKS,
    contributors=Columns(
        "contributors",
        read=_contributors_of,
        write=lambda contributors: [[contributor.display_name, contributor.role] for contributor in contributors],
    ),
    format=Columns("format", read=Format),
    publish_date=Columns(
        "publish_date",
        read=_date_of,
        write=lambda date: day_number(date.year, date.month, date.day) if date else 0,
    ),
    categories=Columns("categories", read=tuple, write=list),
    series=Columns(
        "series_title",
        "series_position",
        read=lambda title, position: Series(title=title, position=position) if title else None,
        write=lambda series: (series.title, series.position) if series else ("", 0),
    ),
    price=Columns(
        "price_minor",
        "price_currency",
        read=lambda minor, currency: Money(minor=minor, currency=currency),
        write=lambda price: (price.minor, price.currency),
    ),
)
_BOOK: Final = RowCodec(Book, BOOKS, edition=_EDITION)

_BY_ID: Final = Statement(select(*_BOOK.columns).where(BOOKS.c.id == bindparam("book_id")), _BOOK)
_ID_OF_ISBN: Final = Statement(select(BOOKS.c.id).where(BOOKS.c.isbn13 == bindparam("isbn13")), str)
_UPDATE: Final = Statement(
    update(BOOKS).where(BOOKS.c.id == bindparam("book_id")),
    keys=tuple(column.name for column in BOOKS.c if not column.primary_key),
)
_INSERT_KEYS: Final = {table: Statement(insert(table), keys=("key", "book_id")) for table in _KEY_TABLES}
_DELETE_KEYS: Final = {
    table: Statement(delete(table).where(table.c.book_id == bindparam("book_id"))) for table in _KEY_TABLES
}


def find_book(connection: Connection, book_id: str) -> Book | None:
    """Returns the book with the id, deleted or not."""
    return _BY_ID.first(connection, book_id=book_id)


def id_with_isbn(connection: Connection, isbn13: str) -> str | None:
    """Returns the id of the book, deleted or not, that has the ISBN."""
    return _ID_OF_ISBN.first(connection, isbn13=isbn13)


def add_book(tx: Connection, book: Book) -> bool:
    """Adds a book unless its id or its ISBN is taken; returns whether it did."""
    if not insert_if_absent(tx, BOOKS, book_row(book)):
        return False
    for table, keys in _keys(book.edition).items():
        _insert_keys(tx, table, book.id, keys)
    return True


def replace_book(tx: Connection, before: Book, after: Book) -> None:
    """Writes a book over its former self."""
    _UPDATE.run(tx, book_id=after.id, **book_row(after))
    former = _keys(before.edition)
    for table, keys in _keys(after.edition).items():
        if keys != former[table]:
            _DELETE_KEYS[table].run(tx, book_id=after.id)
            _insert_keys(tx, table, after.id, keys)


def book_row(book: Book) -> dict[str, Any]:
    """Returns the values of BOOKS' columns for a book."""
    edition, date = book.edition, book.edition.publish_date
    return {
        **_BOOK.values(book),
        "title_key": folded(edition.title),
        "publisher_key": folded(edition.publisher) or None,
        "language_key": folded(edition.language_code) or None,
        "publish_day": day_number(date.year, date.month or 1, date.day or 1) if date else None,
        "price_amount": edition.price.minor * 10 ** (THOUSANDTHS - MINOR_DIGITS[edition.price.currency]),
    }


def _keys(edition: Edition) -> dict[Table, set[str]]:
    return {
        BOOK_CATEGORIES: {folded(category) for category in edition.categories},
        BOOK_CONTRIBUTORS: {folded(contributor.display_name) for contributor in edition.contributors},
    }


def _insert_keys(tx: Connection, table: Table, book_id: str, keys: set[str]) -> None:
    _INSERT_KEYS[table].run_many(tx, [{"book_id": book_id, "key": key} for key in sorted(keys)])
