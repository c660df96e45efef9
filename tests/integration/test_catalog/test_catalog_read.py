"""GetBook and BatchGetBooks through the front door, and who may do what."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from bookstore.catalog.v1.book_pb2 import Book, Contributor
from bookstore.catalog.v1.catalog_service_pb2 import (
    BatchGetBooksRequest,
    CreateBookRequest,
    DeleteBookRequest,
    GetBookRequest,
    ListBooksRequest,
    UndeleteBookRequest,
    UpdateBookRequest,
)
from bookstore.catalog.v1.catalog_service_pb2_grpc import CatalogServiceStub

from chassis.testing import Served, refused
from tests.integration.test_catalog.books import EMMA, PRIDE, Code, a_book, create, statements


class TestGet:
    def test_an_unknown_book(self, anyone: CatalogServiceStub) -> None:
        with refused(Code.NOT_FOUND, "BOOK_NOT_FOUND") as refusal:
            anyone.GetBook(GetBookRequest(name="books/nothing"))
        assert refusal.metadata == {"book": "books/nothing"}

    def test_a_malformed_name(self, anyone: CatalogServiceStub) -> None:
        with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
            anyone.GetBook(GetBookRequest(name="users/1"))
        assert refusal.fields == ["name"]

    def test_staff_alone_find_a_deleted_book(
        self, staff: CatalogServiceStub, customer: CatalogServiceStub, anyone: CatalogServiceStub
    ) -> None:
        create(staff)
        deleted = staff.DeleteBook(DeleteBookRequest(name="books/pride"))
        assert staff.GetBook(GetBookRequest(name="books/pride")) == deleted
        for stub in (customer, anyone):
            with refused(Code.NOT_FOUND, "BOOK_NOT_FOUND"):
                stub.GetBook(GetBookRequest(name="books/pride"))

    def test_it_takes_one_statement(
        self, catalog: Served, staff: CatalogServiceStub, anyone: CatalogServiceStub
    ) -> None:
        create(
            staff, categories=["Classics"], contributors=[Contributor(display_name="A", role=Contributor.ROLE_AUTHOR)]
        )
        assert statements(catalog, lambda: anyone.GetBook(GetBookRequest(name="books/pride"))) == 1


class TestBatchGet:
    def test_the_order_asked_for_with_repeats(self, staff: CatalogServiceStub, anyone: CatalogServiceStub) -> None:
        create(staff, "pride", PRIDE)
        create(staff, "emma", EMMA)
        names = ["books/pride", "books/emma", "books/pride"]
        answer = anyone.BatchGetBooks(BatchGetBooksRequest(names=names))
        assert [book.name for book in answer.books] == names

    def test_unknown_and_deleted_ones_fail_the_whole_or_are_left_out(self, staff: CatalogServiceStub) -> None:
        create(staff, "pride", PRIDE)
        create(staff, "emma", EMMA)
        staff.DeleteBook(DeleteBookRequest(name="books/emma"))
        names = ["books/pride", "books/emma", "books/nothing"]
        with refused(Code.NOT_FOUND, "BOOK_NOT_FOUND") as refusal:
            staff.BatchGetBooks(BatchGetBooksRequest(names=names))
        assert refusal.metadata == {"book": "books/emma"}
        answer = staff.BatchGetBooks(BatchGetBooksRequest(names=names, allow_missing=True))
        assert [book.name for book in answer.books] == ["books/pride"]

    def test_it_takes_one_statement(
        self, catalog: Served, staff: CatalogServiceStub, customer: CatalogServiceStub
    ) -> None:
        create(staff, "pride", PRIDE)
        create(staff, "emma", EMMA)
        request = BatchGetBooksRequest(names=["books/pride", "books/emma"])
        assert statements(catalog, lambda: customer.BatchGetBooks(request)) == 1

    @pytest.mark.parametrize(
        ("names", "field"), [([], "names"), (["books/a"] * 101, "names"), (["books/a", "x"], "names[1]")]
    )
    def test_bad_input(self, anyone: CatalogServiceStub, names: list[str], field: str) -> None:
        with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
            anyone.BatchGetBooks(BatchGetBooksRequest(names=names))
        assert refusal.fields == [field]


WRITES: list[Callable[[CatalogServiceStub], object]] = [
    lambda stub: stub.CreateBook(CreateBookRequest(book=a_book())),
    lambda stub: stub.UpdateBook(UpdateBookRequest(book=Book(name="books/pride", title="Mine"))),
    lambda stub: stub.DeleteBook(DeleteBookRequest(name="books/pride")),
    lambda stub: stub.UndeleteBook(UndeleteBookRequest(name="books/pride")),
]
READS: list[Callable[[CatalogServiceStub], object]] = [
    lambda stub: stub.GetBook(GetBookRequest(name="books/pride")),
    lambda stub: stub.ListBooks(ListBooksRequest()),
    lambda stub: stub.BatchGetBooks(BatchGetBooksRequest(names=["books/pride"])),
]


@pytest.mark.parametrize("write", WRITES)
def test_staff_alone_write(
    staff: CatalogServiceStub,
    customer: CatalogServiceStub,
    anyone: CatalogServiceStub,
    write: Callable[[CatalogServiceStub], object],
) -> None:
    before = create(staff)
    with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
        write(anyone)
    with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
        write(customer)
    assert staff.GetBook(GetBookRequest(name="books/pride")) == before


@pytest.mark.parametrize("read", READS)
def test_everybody_reads(
    staff: CatalogServiceStub,
    customer: CatalogServiceStub,
    anyone: CatalogServiceStub,
    read: Callable[[CatalogServiceStub], object],
) -> None:
    create(staff)
    assert read(anyone) == read(customer) == read(staff)
