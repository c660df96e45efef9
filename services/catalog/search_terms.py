"""What ListBooks may be filtered and sorted by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, Table, and_, func, select

from chassis.filtering import EQUAL, RANGE, FilterField, enum_field, member_field, storable, value_field
from services.catalog.domain import Format
from services.catalog.isbn import IsbnInvalid, isbn13
from services.catalog.storage import BOOK_CATEGORIES, BOOK_CONTRIBUTORS, BOOKS, THOUSANDTHS, day_number, folded

_AMOUNT: Final = re.compile(rf"[0-9]{{1,12}}(\.[0-9]{{1,{THOUSANDTHS}}})?")
_BEGINNING: Final = "*"
_LAST_CHARACTER: Final = "\U0010ffff"


def _members(table: Table) -> FilterField:
    """A field of several texts, whose folded forms are in a table of their own."""
    key: ColumnElement[str] = table.primary_key.columns[0]
    holders = select(table.c.book_id)
    first = select(func.min(key)).where(table.c.book_id == BOOKS.c.id).scalar_subquery()
    return member_field(first, lambda text: BOOKS.c.id.in_(holders.where(key == _folded(text))))


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


FILTER_FIELDS: Final[Mapping[str, FilterField]] = {
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
ORDER_FIELDS: Final[Mapping[str, ColumnElement[Any]]] = {
    "title": BOOKS.c.title_key,
    "price": BOOKS.c.price_amount,
    "publish_date": BOOKS.c.publish_day,
    "create_time": BOOKS.c.create_time,
}
