"""Books: what staff say of them, their life, and the rules for both."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Final

from chassis.kernel import ErrorKind, Money, ServiceError, check_etag

_DIGITS_OF_YEAR: Final = 10_000


class BookNotFound(ServiceError):
    """There is no such book, or it is deleted and the caller may not see it; metadata `book`."""

    kind = ErrorKind.NOT_FOUND
    reason = "BOOK_NOT_FOUND"

    def __init__(self, book: str) -> None:
        super().__init__(f"{book} is not in the catalog", book=book)


class BookExists(ServiceError):
    """The id chosen for a new book is in use; metadata `book`."""

    kind = ErrorKind.ALREADY_EXISTS
    reason = "BOOK_EXISTS"

    def __init__(self, book: str) -> None:
        super().__init__(f"{book} exists already; choose another book_id", field="book_id", book=book)


class IsbnTaken(ServiceError):
    """Another book has the ISBN; metadata `book` and `isbn13`."""

    kind = ErrorKind.ALREADY_EXISTS
    reason = "ISBN_TAKEN"

    def __init__(self, book: str, isbn13: str) -> None:
        super().__init__(f"{book} has the ISBN {isbn13} already", field="book.isbn13", book=book, isbn13=isbn13)


class BookIsDeleted(ServiceError):
    """A deleted book cannot be changed; metadata `book`."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "BOOK_DELETED"

    def __init__(self, book: str) -> None:
        super().__init__(f"{book} is deleted; undelete it first", book=book)


class PriceInvalid(ServiceError):
    """The currency is not accepted or the amount is finer than its smallest unit."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "PRICE_INVALID"


class PublishDateInvalid(ServiceError):
    """The date does not exist in the calendar."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "PUBLISH_DATE_INVALID"


class AccountInactive(ServiceError):
    """The calling account is disabled or deleted; metadata `user`."""

    kind = ErrorKind.PERMISSION_DENIED
    reason = "ACCOUNT_INACTIVE"

    def __init__(self, user: str) -> None:
        super().__init__(f"{user} is not an active account", user=user)


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
            raise PublishDateInvalid("the date needs a year, and a day needs a month", field="book.publish_date")
        if self.day and self.day > calendar.monthrange(self.year, self.month)[1]:
            raise PublishDateInvalid(
                f"month {self.month} of {self.year} has no day {self.day}", field="book.publish_date.day"
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
            raise BookIsDeleted(self.name)
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
