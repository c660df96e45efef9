"""The servicer of bookstore.catalog.v1.CatalogService."""

from __future__ import annotations

import grpc
from bookstore.catalog.v1 import book_pb2
from bookstore.catalog.v1 import catalog_service_pb2 as contract
from bookstore.catalog.v1.catalog_service_pb2_grpc import CatalogServiceServicer

from chassis.call import caller
from chassis.paging import page_request
from chassis.requests import id_in
from services.catalog.convert import changes_of, edition_of
from services.catalog.edit_book import EditBook
from services.catalog.queries import BookQueries, BookQuery


class CatalogApi(CatalogServiceServicer):
    """Serves bookstore.catalog.v1.CatalogService."""

    def __init__(self, *, queries: BookQueries, edit_book: EditBook) -> None:
        self._queries = queries
        self._edit_book = edit_book

    def GetBook(self, request: contract.GetBookRequest, context: grpc.ServicerContext) -> book_pb2.Book:
        """Returns a book."""
        return self._queries.book(id_in("books", request.name), caller())

    def ListBooks(
        self, request: contract.ListBooksRequest, context: grpc.ServicerContext
    ) -> contract.ListBooksResponse:
        """Returns a page of books."""
        query = BookQuery(filter=request.filter, order_by=request.order_by, show_deleted=request.show_deleted)
        page = self._queries.page(query, page_request(request), caller())
        return contract.ListBooksResponse(books=page.items, next_page_token=page.next_page_token)

    def BatchGetBooks(
        self, request: contract.BatchGetBooksRequest, context: grpc.ServicerContext
    ) -> contract.BatchGetBooksResponse:
        """Returns several books, in the order of the names."""
        ids = [id_in("books", name) for name in request.names]
        return contract.BatchGetBooksResponse(books=self._queries.books(ids, allow_missing=request.allow_missing))

    def CreateBook(self, request: contract.CreateBookRequest, context: grpc.ServicerContext) -> book_pb2.Book:
        """Creates a book."""
        return self._edit_book.create(edition_of(request.book), caller=caller(), book_id=request.book_id)

    def UpdateBook(self, request: contract.UpdateBookRequest, context: grpc.ServicerContext) -> book_pb2.Book:
        """Changes fields of a book."""
        book, book_id = request.book, id_in("books", request.book.name, field="book.name")
        return self._edit_book.update(book_id, changes_of(book, request.update_mask), etag=book.etag)

    def DeleteBook(self, request: contract.DeleteBookRequest, context: grpc.ServicerContext) -> book_pb2.Book:
        """Deletes a book."""
        return self._edit_book.delete(id_in("books", request.name), etag=request.etag)

    def UndeleteBook(self, request: contract.UndeleteBookRequest, context: grpc.ServicerContext) -> book_pb2.Book:
        """Restores a deleted book."""
        return self._edit_book.undelete(id_in("books", request.name), etag=request.etag)
