"""Everybody reads the catalog: one book, several, or page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chassis.database import Database
from chassis.filtering import parse_filter, parse_order_by
from chassis.interceptors.access import RoleRequired
from chassis.kernel import Caller
from chassis.paging import Page, PageRequest, paginate
from services.catalog import storage
from services.catalog.domain import Book, BookNotFound, book_name
from services.catalog.search_terms import FILTER_FIELDS, ORDER_FIELDS

_FOR_SALE = storage.SELECT_BOOKS.where(storage.BOOKS.c.delete_time.is_(None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which books to list and in which order; see ListBooksRequest for the two texts."""

    filter: str = ""
    order_by: str = ""
    show_deleted: bool = False


class Reading:
    """Reads books; each method is one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def book(self, book_id: str, caller: Caller) -> Book:
        """One book; a deleted one for staff only. Raises BookNotFound."""
        book = self._database.read(lambda connection: storage.find_book(connection, book_id))
        if book is None or (book.deleted and not caller.is_staff):
            raise BookNotFound(book_name(book_id))
        return book

    def books(self, book_ids: Sequence[str], *, allow_missing: bool) -> list[Book]:
        """The books that are not deleted, in the order of the ids.

        Raises BookNotFound for the first one that is unknown or deleted, unless such are to be left out.
        """
        found = self._database.read(lambda connection: storage.find_books(connection, book_ids))
        for book_id in book_ids:
            if book_id not in found and not allow_missing:
                raise BookNotFound(book_name(book_id))
        return [found[book_id] for book_id in book_ids if book_id in found]

    def page(self, wanted: Wanted, request: PageRequest, caller: Caller) -> Page[Book]:
        """A page of books. Raises FilterInvalid, PageTokenInvalid, and RoleRequired when a stranger asks for deleted
        books."""
        if wanted.show_deleted and not caller.is_staff:
            raise RoleRequired("only staff see deleted books", field="show_deleted")
        books = storage.SELECT_BOOKS if wanted.show_deleted else _FOR_SALE
        statement = books.where(*parse_filter(wanted.filter, FILTER_FIELDS))
        order = parse_order_by(wanted.order_by, ORDER_FIELDS, default="title", key=storage.BOOKS.c.id)
        page = self._database.read(lambda connection: paginate(connection, statement, order, request))
        return page.map(storage.book_of)
