"""Messages of the contract to the domain, and rows to messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bookstore.catalog.v1 import book_pb2
from bookstore.catalog.v1.catalog_errors import PriceInvalid
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.date_pb2 import Date

from chassis.database import Columns, RowCodec
from chassis.database.rows import readers
from chassis.kernel import Money, etag
from chassis.requests import changed_fields
from chassis.v1.platform_errors import CurrencyUnknown
from chassis.wire import money_from, money_of
from services.catalog.book import Book, Contributor, ContributorRole, Edition, Format, PartialDate, Series, book_name
from services.catalog.isbn import isbn13
from services.catalog.store import BOOKS, book_row

_FORMATS: Final[Mapping[str, int]] = {kind: book_pb2.Book.Format.Value(f"FORMAT_{kind}") for kind in Format}
_FORMAT_OF: Final = {value: Format(kind) for kind, value in _FORMATS.items()}
_ROLES: Final[Mapping[str, int]] = {role: book_pb2.Contributor.Role.Value(f"ROLE_{role}") for role in ContributorRole}
_ROLE_OF: Final = {value: ContributorRole(role) for role, value in _ROLES.items()}


def _contributor_messages(pairs: list[list[str]]) -> list[dict[str, Any]]:
    return [{"display_name": name, "role": _ROLES[role]} for name, role in pairs]


def _date_message(number: int) -> Date | None:
    return Date(year=number // 10_000, month=number // 100 % 100, day=number % 100) if number else None


BOOK: Final = RowCodec(
    book_pb2.Book,
    BOOKS,
    without=("average_rating", "rating_count"),
    name=Columns("id", read=book_name),
    contributors=Columns("contributors", read=_contributor_messages),
    format=Columns("format", read=_FORMATS.__getitem__),
    publish_date=Columns("publish_date", read=_date_message),
    series=Columns(
        "series_title",
        "series_position",
        read=lambda title, position: book_pb2.Series(title=title, position=position) if title else None,
    ),
    price=Columns("price_minor", "price_currency", read=money_of),
    state=Columns(
        "delete_time", read=lambda time: book_pb2.Book.STATE_ACTIVE if time is None else book_pb2.Book.STATE_DELETED
    ),
    etag=Columns("version", read=etag),
)
"""Makes the contract's book of a row."""


def book_message(book: Book) -> book_pb2.Book:
    """Returns the book as the contract has it."""
    return BOOK.of(book_row(book))


def edition_of(message: book_pb2.Book) -> Edition:
    """Returns the edition in a new book; output-only fields are ignored.

    Raises IsbnInvalid, PriceInvalid and PublishDateInvalid.
    """
    return Edition(**{field: read(message) for field, read in _EDITION.items()})


def changes_of(message: book_pb2.Book, mask: FieldMask) -> Mapping[str, Any]:
    """Returns the fields of Edition to change and their values: those of the mask, all populated ones without a mask.

    Raises what `edition_of` does, and FieldInvalid for a path that is no field of a book.
    """
    return {path: _EDITION[path](message) for path in changed_fields(message, mask) if path in _EDITION}


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
        raise PriceInvalid(detail=error.message, field=error.field) from error


_EDITION: Final = readers(
    Edition,
    contributors=_contributors,
    isbn13=lambda message: isbn13(message.isbn13),
    format=lambda message: _FORMAT_OF[message.format],
    publish_date=_publish_date,
    categories=lambda message: tuple(message.categories),
    series=_series,
    price=_price,
)
