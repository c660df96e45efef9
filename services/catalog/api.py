"""The catalog's front door."""

from __future__ import annotations

import grpc
from bookstore.catalog.v1 import book_pb2
from bookstore.catalog.v1 import catalog_service_pb2 as contract
from bookstore.catalog.v1.catalog_service_pb2_grpc import CatalogServiceServicer

from chassis.call import caller
from chassis.idempotency import Answers
from chassis.paging import page_request
from chassis.requests import id_in
from services.catalog.clients import Accounts
from services.catalog.editing import Editing
from services.catalog.messages import book_message, changes_of, edition_of
from services.catalog.reading import Reading, Wanted


class CatalogApi(CatalogServiceServicer):
    """Serves bookstore.catalog.v1.CatalogService."""

    def __init__(self, *, reading: Reading, editing: Editing, accounts: Accounts, answers: Answers) -> None:
        self._reading = reading
        self._editing = editing
        self._accounts = accounts
        self._answers = answers

    def GetBook(self, request: contract.GetBookRequest, context: grpc.ServicerContext) -> book_pb2.Book:
        """One book."""
        return book_message(self._reading.book(id_in("books", request.name), caller()))

    def ListBooks(
        self, request: contract.ListBooksRequest, context: grpc.ServicerContext
    ) -> contract.ListBooksResponse:
        """A page of books."""
        wanted = Wanted(filter=request.filter, order_by=request.order_by, show_deleted=request.show_deleted)
        page = self._reading.page(wanted, page_request(request), caller()).map(book_message)
        return contract.ListBooksResponse(books=page.items, next_page_token=page.next_page_token)

    def BatchGetBooks(
        self, request: contract.BatchGetBooksRequest, context: grpc.ServicerContext
    ) -> contract.BatchGetBooksResponse:
        """Several books, in the order asked for."""
        books = self._reading.books(
            [id_in("books", name) for name in request.names], allow_missing=request.allow_missing
        )
        return contract.BatchGetBooksResponse(books=[book_message(book) for book in books])

    def CreateBook(self, request: contract.CreateBookRequest, context: grpc.ServicerContext) -> book_pb2.Book:
        """Adds a book, when the calling account is active."""
        edition = edition_of(request.book)
        self._accounts.require_active(caller())
        return self._answers.transact(
            lambda tx: book_message(self._editing.create(tx, edition, book_id=request.book_id))
        )

    def UpdateBook(self, request: contract.UpdateBookRequest, context: grpc.ServicerContext) -> book_pb2.Book:
        """Changes facts of a book."""
        book, target = request.book, id_in("books", request.book.name, field="book.name")
        changes = changes_of(book, request.update_mask)
        return self._answers.transact(
            lambda tx: book_message(self._editing.update(tx, target, changes, etag=book.etag))
        )

    def DeleteBook(self, request: contract.DeleteBookRequest, context: grpc.ServicerContext) -> book_pb2.Book:
        """Takes a book out of the catalog."""
        target = id_in("books", request.name)
        return self._answers.transact(lambda tx: book_message(self._editing.delete(tx, target, etag=request.etag)))

    def UndeleteBook(self, request: contract.UndeleteBookRequest, context: grpc.ServicerContext) -> book_pb2.Book:
        """Brings a deleted book back."""
        target = id_in("books", request.name)
        return self._answers.transact(lambda tx: book_message(self._editing.undelete(tx, target, etag=request.etag)))
