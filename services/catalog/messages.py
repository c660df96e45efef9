"""Between the books of the contract and those of the domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bookstore.catalog.v1 import book_pb2
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.date_pb2 import Date

from chassis.kernel import CurrencyUnknown, Money, etag
from chassis.requests import changed_fields
from chassis.wire import money_from, money_message, timestamp
from services.catalog.domain import (
    Book,
    Contributor,
    ContributorRole,
    Edition,
    Format,
    PartialDate,
    PriceInvalid,
    Series,
)
from services.catalog.isbn import isbn13

_STATES: Final = {False: book_pb2.Book.STATE_ACTIVE, True: book_pb2.Book.STATE_DELETED}
_FORMATS: Final = {kind: book_pb2.Book.Format.Value(f"FORMAT_{kind}") for kind in Format}
_FORMAT_OF: Final = {value: kind for kind, value in _FORMATS.items()}
_ROLES: Final = {role: book_pb2.Contributor.Role.Value(f"ROLE_{role}") for role in ContributorRole}
_ROLE_OF: Final = {value: role for role, value in _ROLES.items()}


def book_message(book: Book) -> book_pb2.Book:
    """The book as the contract has it."""
    edition = book.edition
    return book_pb2.Book(
        name=book.name,
        title=edition.title,
        subtitle=edition.subtitle,
        contributors=[
            book_pb2.Contributor(display_name=contributor.display_name, role=_ROLES[contributor.role])
            for contributor in edition.contributors
        ],
        isbn13=edition.isbn13,
        format=_FORMATS[edition.format],
        publisher=edition.publisher,
        language_code=edition.language_code,
        publish_date=_date_message(edition.publish_date),
        page_count=edition.page_count,
        categories=edition.categories,
        series=_series_message(edition.series),
        description=edition.description,
        price=money_message(edition.price),
        state=_STATES[book.deleted],
        create_time=timestamp(book.create_time),
        update_time=timestamp(book.update_time),
        delete_time=timestamp(book.delete_time) if book.delete_time else None,
        etag=etag(book.version),
    )


def edition_of(message: book_pb2.Book) -> Edition:
    """What staff say of a new book; output-only fields are ignored.

    Raises IsbnInvalid, PriceInvalid and PublishDateInvalid.
    """
    return Edition(**{field: read(message) for field, read in _FIELDS.items()})


def changes_of(message: book_pb2.Book, mask: FieldMask) -> Mapping[str, Any]:
    """The fields of Edition to change and their values: those of the mask, or all populated ones when it is empty.

    Raises what `edition_of` does, and FieldInvalid for a path that is no field of a book.
    """
    return {path: _FIELDS[path](message) for path in changed_fields(message, mask) if path in _FIELDS}


def _contributors(message: book_pb2.Book) -> tuple[Contributor, ...]:
    return tuple(
        Contributor(display_name=contributor.display_name, role=_ROLE_OF[contributor.role])
        for contributor in message.contributors
    )


def _publish_date(message: book_pb2.Book) -> PartialDate | None:
    if not message.HasField("publish_date"):
        return None
    date = message.publish_date
    return PartialDate(year=date.year, month=date.month, day=date.day)


def _series(message: book_pb2.Book) -> Series | None:
    if not message.HasField("series"):
        return None
    return Series(title=message.series.title, position=message.series.position)


def _price(message: book_pb2.Book) -> Money:
    try:
        return money_from(message.price, field="book.price")
    except CurrencyUnknown as error:
        raise PriceInvalid(error.message, field=error.field) from error


def _date_message(date: PartialDate | None) -> Date | None:
    return Date(year=date.year, month=date.month, day=date.day) if date else None


def _series_message(series: Series | None) -> book_pb2.Series | None:
    return book_pb2.Series(title=series.title, position=series.position) if series else None


# The fields of Edition, which bear the names of the contract's.
_FIELDS: Final[Mapping[str, Callable[[book_pb2.Book], Any]]] = {
    "title": lambda message: message.title,
    "subtitle": lambda message: message.subtitle,
    "contributors": _contributors,
    "isbn13": lambda message: isbn13(message.isbn13, field="book.isbn13"),
    "format": lambda message: _FORMAT_OF[message.format],
    "publisher": lambda message: message.publisher,
    "language_code": lambda message: message.language_code,
    "publish_date": _publish_date,
    "page_count": lambda message: message.page_count,
    "categories": lambda message: tuple(message.categories),
    "series": _series,
    "description": lambda message: message.description,
    "price": _price,
}
