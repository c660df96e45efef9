"""Books: what staff say of them, their life, and the rules for both."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from bookstore.catalog.v1.catalog_errors import BookDeleted, PublishDateInvalid

from chassis.kernel import Money, check_etag

_DIGITS_OF_YEAR: Final = 10_000


class Format(StrEnum):
    """What the buyer gets."""

    HARDCOVER = "HARDCOVER"
    PAPERBACK = "PAPERBACK"
    EBOOK = "EBOOK"
    AUDIOBOOK = "AUDIOBOOK"

    @property
    def digital(self) -> bool:
        """Whether it is a file: no stock, no shipping."""
        return self in (Format.EBOOK, Format.AUDIOBOOK)


class ContributorRole(StrEnum):
    """The part somebody had in a book."""

    AUTHOR = "AUTHOR"
    ILLUSTRATOR = "ILLUSTRATOR"
    TRANSLATOR = "TRANSLATOR"
    EDITOR = "EDITOR"
    NARRATOR = "NARRATOR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contributor:
    """A person or body and the part they had."""

    display_name: str
    role: ContributorRole


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """A place in a series; `position` counts from 1, 0 is not numbered."""

    title: str
    position: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialDate:
    """A day, a month (`day` 0) or a year (`month` and `day` 0). Raises PublishDateInvalid when the calendar has none.

    The calendar is the proleptic Gregorian one, as for google.type.Date.
    """

    year: int
    month: int = 0
    day: int = 0

    def __post_init__(self) -> None:
        in_range = 1 <= self.year < _DIGITS_OF_YEAR and 0 <= self.month <= 12 and self.day >= 0
        if not in_range or (self.day and not self.month):
            raise PublishDateInvalid(detail="the date needs a year, and a day needs a month", field="book.publish_date")
        if self.day and self.day > calendar.monthrange(self.year, self.month)[1]:
            raise PublishDateInvalid(
                detail=f"month {self.month} of {self.year} has no day {self.day}", field="book.publish_date.day"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """What staff say of a book: one edition in one format with one ISBN (13 digits) and its price with tax."""

    title: str
    isbn13: str
    format: Format
    price: Money
    subtitle: str = ""
    contributors: tuple[Contributor, ...] = ()
    publisher: str = ""
    language_code: str = ""
    publish_date: PartialDate | None = None
    page_count: int = 0
    categories: tuple[str, ...] = ()
    series: Series | None = None
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """An edition in the catalog. `version` counts its changes from 1; `delete_time` is None while it is for sale."""

    id: str
    edition: Edition
    create_time: datetime
    update_time: datetime
    delete_time: datetime | None = None
    version: int = 1

    @property
    def name(self) -> str:
        """Resource name, `books/{id}`."""
        return book_name(self.id)

    @property
    def deleted(self) -> bool:
        """Whether it was taken out of the catalog."""
        return self.delete_time is not None

    def revise(self, edition: Edition, *, etag: str, now: datetime) -> Book:
        """The book with another edition's facts; itself when they are the same.

        Raises BookIsDeleted and EtagMismatch.
        """
        if self.deleted:
            raise BookDeleted(book=self.name)
        check_etag(etag, self.version)
        return (
            self
            if edition == self.edition
            else replace(self, edition=edition, update_time=now, version=self.version + 1)
        )

    def delete(self, *, etag: str, now: datetime) -> Book:
        """The book taken out of the catalog; itself when it is already. Raises EtagMismatch."""
        if self.deleted:
            return self
        check_etag(etag, self.version)
        return replace(self, delete_time=now, update_time=now, version=self.version + 1)

    def undelete(self, *, etag: str, now: datetime) -> Book:
        """The book brought back; itself when it is there. Raises EtagMismatch."""
        if not self.deleted:
            return self
        check_etag(etag, self.version)
        return replace(self, delete_time=None, update_time=now, version=self.version + 1)


def book_name(book_id: str) -> str:
    """The resource name of the book with the given id."""
    return f"books/{book_id}"
