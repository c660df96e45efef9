"""Staff keep the catalog: they add, change, delete and undelete books.

Every use case runs in the transaction it is given, and its event leaves in the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from google.protobuf.message import Message
from sqlalchemy import Connection

from chassis.kernel import Clock, Ids
from chassis.outbox import Outbox
from services.catalog import events, storage
from services.catalog.domain import Book, BookExists, BookNotFound, Edition, IsbnTaken, book_name


class Editing:
    """The changes a catalog goes through."""

    def __init__(self, *, clock: Clock, ids: Ids, outbox: Outbox) -> None:
        self._clock = clock
        self._ids = ids
        self._outbox = outbox

    def create(self, tx: Connection, edition: Edition, *, book_id: str = "") -> Book:
        """Adds a book, under an id of the server's when `book_id` is empty. Raises BookExists and IsbnTaken."""
        now = self._clock.now()
        book = Book(id=book_id or self._ids.new(), edition=edition, create_time=now, update_time=now)
        if not storage.add_book(tx, book):
            if storage.find_book(tx, book.id) is not None:
                raise BookExists(book.name)
            self._refuse_taken_isbn(tx, edition.isbn13)
        self._publish(tx, book, events.book_created)
        return book

    def update(self, tx: Connection, book_id: str, changes: Mapping[str, Any], *, etag: str) -> Book:
        """Changes facts of a book; `changes` are fields of Edition. Nothing changed: nothing is written or published.

        Raises BookNotFound, BookIsDeleted, EtagMismatch and IsbnTaken.
        """
        before = self._found(tx, book_id)
        after = before.revise(replace(before.edition, **changes), etag=etag, now=self._clock.now())
        if after.edition.isbn13 != before.edition.isbn13:
            self._refuse_taken_isbn(tx, after.edition.isbn13)
        return self._write(tx, before, after, events.book_updated)

    def delete(self, tx: Connection, book_id: str, *, etag: str) -> Book:
        """Takes a book out of the catalog; one that is out is answered as it is. Raises BookNotFound, EtagMismatch."""
        before = self._found(tx, book_id)
        return self._write(tx, before, before.delete(etag=etag, now=self._clock.now()), events.book_deleted)

    def undelete(self, tx: Connection, book_id: str, *, etag: str) -> Book:
        """Brings a book back; one that is there is answered as it is. Raises BookNotFound, EtagMismatch."""
        before = self._found(tx, book_id)
        return self._write(tx, before, before.undelete(etag=etag, now=self._clock.now()), events.book_undeleted)

    def _found(self, tx: Connection, book_id: str) -> Book:
        book = storage.find_book(tx, book_id)
        if book is None:
            raise BookNotFound(book_name(book_id))
        return book

    def _refuse_taken_isbn(self, tx: Connection, isbn13: str) -> None:
        holder = storage.id_with_isbn(tx, isbn13)
        if holder is not None:
            raise IsbnTaken(book_name(holder), isbn13)

    def _write(self, tx: Connection, before: Book, after: Book, event: Callable[[Book], Message]) -> Book:
        if after is not before:
            storage.replace_book(tx, before, after)
            self._publish(tx, after, event)
        return after

    def _publish(self, tx: Connection, book: Book, event: Callable[[Book], Message]) -> None:
        self._outbox.append(tx, event(book), aggregate=book.name, version=book.version)
