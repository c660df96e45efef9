"""Changes of the catalog by staff: create, update, delete and undelete a book."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from bookstore.catalog.v1 import book_pb2
from bookstore.catalog.v1.catalog_errors import BookExists, BookNotFound, IsbnTaken
from google.protobuf.message import Message
from sqlalchemy import Connection

from chassis.idempotency import IdempotencyStore
from chassis.kernel import Caller, Clock, Ids
from chassis.outbox import Outbox
from services.catalog import events, store
from services.catalog.book import Book, Edition, book_name
from services.catalog.convert import book_message
from services.catalog.remotes import Accounts


class EditBook:
    """The commands on books. Each is one transaction, its event included, and returns the book after it."""

    def __init__(
        self, *, answers: IdempotencyStore, accounts: Accounts, clock: Clock, ids: Ids, outbox: Outbox
    ) -> None:
        self._answers = answers
        self._accounts = accounts
        self._clock = clock
        self._ids = ids
        self._outbox = outbox

    def create(self, edition: Edition, *, caller: Caller, book_id: str = "") -> book_pb2.Book:
        """Adds a book, with a generated id when `book_id` is empty.

        Raises AccountInactive, BookExists and IsbnTaken.
        """
        self._accounts.require_active(caller)

        def create(tx: Connection) -> book_pb2.Book:
            now = self._clock.now()
            book = Book(id=book_id or self._ids.new(), edition=edition, create_time=now, update_time=now)
            if not store.add_book(tx, book):
                if store.find_book(tx, book.id) is not None:
                    raise BookExists(book=book.name)
                _require_free_isbn(tx, edition.isbn13)
            return self._published(tx, book, events.book_created)

        return self._answers.transact(create)

    def update(self, book_id: str, changes: Mapping[str, Any], *, etag: str) -> book_pb2.Book:
        """Changes fields of a book's edition. If they are the same already, nothing is written or published.

        Raises BookNotFound, BookDeleted, EtagMismatch and IsbnTaken.
        """

        def update(tx: Connection, before: Book) -> Book:
            after = before.revise(replace(before.edition, **changes), etag=etag, now=self._clock.now())
            if after.edition.isbn13 != before.edition.isbn13:
                _require_free_isbn(tx, after.edition.isbn13)
            return after

        return self._changed(book_id, update, events.book_updated)

    def delete(self, book_id: str, *, etag: str) -> book_pb2.Book:
        """Deletes a book; if it is deleted already, it is returned unchanged. Raises BookNotFound, EtagMismatch."""
        return self._changed(
            book_id, lambda _, book: book.delete(etag=etag, now=self._clock.now()), events.book_deleted
        )

    def undelete(self, book_id: str, *, etag: str) -> book_pb2.Book:
        """Restores a book; if it is not deleted, it is returned unchanged. Raises BookNotFound, EtagMismatch."""
        return self._changed(
            book_id, lambda _, book: book.undelete(etag=etag, now=self._clock.now()), events.book_undeleted
        )

    def _changed(
        self, book_id: str, change: Callable[[Connection, Book], Book], event: Callable[[Book], Message]
    ) -> book_pb2.Book:
        def write(tx: Connection) -> book_pb2.Book:
            before = store.find_book(tx, book_id)
            if before is None:
                raise BookNotFound(book=book_name(book_id))
            after = change(tx, before)
            if after is before:
                return book_message(before)
            store.replace_book(tx, before, after)
            return self._published(tx, after, event)

        return self._answers.transact(write)

    def _published(self, tx: Connection, book: Book, event: Callable[[Book], Message]) -> book_pb2.Book:
        self._outbox.append(tx, event(book), aggregate=book.name, version=book.version)
        return book_message(book)


def _require_free_isbn(tx: Connection, isbn13: str) -> None:
    holder = store.id_with_isbn(tx, isbn13)
    if holder is not None:
        raise IsbnTaken(book=book_name(holder), isbn13=isbn13)
