"""Reads of the catalog: one book, several, a page. Each is one statement, from rows straight to messages."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final

from bookstore.catalog.v1 import book_pb2
from bookstore.catalog.v1.catalog_errors import BookNotFound, IsbnInvalid
from sqlalchemy import ColumnElement, Table, and_, bindparam, func, select

from chassis.database import Database, Statement
from chassis.database.listing import Listing
from chassis.filtering import EQUAL, RANGE, FilterField, enum_field, member_field, storable, value_field
from chassis.kernel import Caller
from chassis.paging import Page, PageRequest
from chassis.v1.platform_errors import RoleRequired
from services.catalog.book import Format, book_name
from services.catalog.convert import BOOK
from services.catalog.isbn import isbn13
from services.catalog.store import BOOK_CATEGORIES, BOOK_CONTRIBUTORS, BOOKS, THOUSANDTHS, day_number, folded

_AMOUNT: Final = re.compile(rf"[0-9]{{1,12}}(\.[0-9]{{1,{THOUSANDTHS}}})?")
_BEGINNING: Final = "*"
_LAST_CHARACTER: Final = "\U0010ffff"


def _members(table: Table) -> FilterField:
    """A field of several strings, whose folded forms are in a table of their own."""
    holders = select(table.c.book_id)
    first = select(func.min(table.c.key)).where(table.c.book_id == BOOKS.c.id).scalar_subquery()
    return member_field(first, lambda text: BOOKS.c.id.in_(holders.where(table.c.key == _folded(text))))


def _folded(text: str) -> str:
    return folded(storable(text))


def _title(text: str) -> ColumnElement[bool]:
    if not text.endswith(_BEGINNING):
        return BOOKS.c.title_key == text
    beginning = text.removesuffix(_BEGINNING)
    return and_(BOOKS.c.title_key >= beginning, BOOKS.c.title_key <= beginning + _LAST_CHARACTER)


def _isbn(text: str) -> str:
    try:
        return isbn13(text)
    except IsbnInvalid as error:
        raise ValueError(error.message) from error


def _amount(text: str) -> int:
    if not _AMOUNT.fullmatch(text):
        raise ValueError(f"an amount such as 12.50, with at most {THOUSANDTHS} digits after the point, is expected")
    return int(Decimal(text).scaleb(THOUSANDTHS))


def _day(text: str) -> int:
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise ValueError("a day such as 2001-05-30 is expected") from None
    return day_number(day.year, day.month, day.day)


_FILTERABLE: Final[Mapping[str, FilterField]] = {
    "format": enum_field(BOOKS.c.format, Format, prefix="FORMAT_"),
    "language_code": value_field(BOOKS.c.language_key, _folded),
    "publisher": value_field(BOOKS.c.publisher_key, _folded),
    "isbn13": value_field(BOOKS.c.isbn13, _isbn),
    "title": value_field(BOOKS.c.title_key, _folded, equal=_title),
    "categories": _members(BOOK_CATEGORIES),
    "contributors": _members(BOOK_CONTRIBUTORS),
    "price": value_field(BOOKS.c.price_amount, _amount, operators=EQUAL | RANGE),
    "publish_date": value_field(BOOKS.c.publish_day, _day, operators=EQUAL | RANGE),
}
_SORTABLE: Final[Mapping[str, ColumnElement[Any]]] = {
    "title": BOOKS.c.title_key,
    "price": BOOKS.c.price_amount,
    "publish_date": BOOKS.c.publish_day,
    "create_time": BOOKS.c.create_time,
}

_FOR_SALE: Final = BOOKS.c.delete_time.is_(None)
_BY_ID: Final = Statement(select(*BOOK.columns).where(BOOKS.c.id == bindparam("book_id")), BOOK)
_BY_IDS: Final = Statement(
    select(*BOOK.columns).where(BOOKS.c.id.in_(bindparam("book_ids", expanding=True)), _FOR_SALE), BOOK
)
_LISTING: Final = Listing(
    BOOK,
    key=BOOKS.c.id,
    sortable=_SORTABLE,
    default="title",
    filterable=_FILTERABLE,
    conditions={"for_sale": _FOR_SALE},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class BookQuery:
    """Which books to list, in which order; see ListBooksRequest for `filter` and `order_by`."""

    filter: str = ""
    order_by: str = ""
    show_deleted: bool = False


class BookQueries:
    """Reads books."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def book(self, book_id: str, caller: Caller) -> book_pb2.Book:
        """Returns a book; a deleted one to staff only. Raises BookNotFound."""
        book = self._database.read(lambda connection: _BY_ID.first(connection, book_id=book_id))
        if book is None or (book.state == book_pb2.Book.STATE_DELETED and not caller.is_staff):
            raise BookNotFound(book=book_name(book_id))
        return book

    def books(self, book_ids: Sequence[str], *, allow_missing: bool) -> list[book_pb2.Book]:
        """Returns the books that are not deleted, in the order of the ids.

        Raises BookNotFound for the first one that is unknown or deleted, unless such are to be left out.
        """
        wanted = sorted(set(book_ids))
        rows = self._database.read(lambda connection: _BY_IDS.all(connection, book_ids=wanted))
        found = {book.name: book for book in rows}
        names = [book_name(book_id) for book_id in book_ids]
        for name in names:
            if name not in found and not allow_missing:
                raise BookNotFound(book=name)
        return [found[name] for name in names if name in found]

    def page(self, query: BookQuery, page: PageRequest, caller: Caller) -> Page[book_pb2.Book]:
        """Returns a page of books.

        Raises FilterInvalid, PageTokenInvalid, and RoleRequired when a customer asks for deleted books.
        """
        if query.show_deleted and not caller.is_staff:
            raise RoleRequired(detail="only staff see deleted books", field="show_deleted")
        return self._database.read(
            lambda connection: _LISTING.page(
                connection,
                page,
                filter_text=query.filter,
                order_by=query.order_by,
                for_sale=None if query.show_deleted else True,
            )
        )
