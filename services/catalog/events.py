"""What the catalog tells the others: ids, versions and moments, as event messages."""

from __future__ import annotations

from bookstore.catalog.v1.catalog_events_pb2 import BookCreated, BookDeleted, BookUndeleted, BookUpdated

from chassis.wire import timestamp
from services.catalog.book import Book


def book_created(book: Book) -> BookCreated:
    """A book was added."""
    return BookCreated(
        book=book.name,
        version=book.version,
        digital=book.edition.format.digital,
        event_time=timestamp(book.update_time),
    )


def book_updated(book: Book) -> BookUpdated:
    """Facts of a book changed."""
    return BookUpdated(book=book.name, version=book.version, event_time=timestamp(book.update_time))


def book_deleted(book: Book) -> BookDeleted:
    """A book was taken out of the catalog."""
    return BookDeleted(book=book.name, version=book.version, event_time=timestamp(book.update_time))


def book_undeleted(book: Book) -> BookUndeleted:
    """A deleted book came back."""
    return BookUndeleted(book=book.name, version=book.version, event_time=timestamp(book.update_time))
