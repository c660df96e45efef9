"""CreateBook through the front door."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import uuid4

import pytest
from bookstore.catalog.v1.book_pb2 import Book, Contributor, Series
from bookstore.catalog.v1.catalog_events_pb2 import BookCreated
from bookstore.catalog.v1.catalog_service_pb2 import (
    CreateBookRequest,
    DeleteBookRequest,
    GetBookRequest,
)
from bookstore.catalog.v1.catalog_service_pb2_grpc import CatalogServiceStub
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money
from sqlalchemy import select

from chassis.schema import OUTBOX
from chassis.testing import Served, refused, running
from services.catalog.app import build
from tests.integration.test_catalog.books import EMMA, PRIDE, Code, a_book, create, events, outcome


class TestCreate:
    def test_everything_said_of_a_book_is_answered(self, staff: CatalogServiceStub, anyone: CatalogServiceStub) -> None:
        said = a_book(
            isbn13="0-14-143951-3",
            subtitle="A Novel",
            contributors=[
                Contributor(display_name="Jane Austen", role=Contributor.ROLE_AUTHOR),
                Contributor(display_name="Vivien Jones", role=Contributor.ROLE_EDITOR),
            ],
            publisher="Penguin Classics",
            language_code="en",
            publish_date=Date(year=2002, month=12),
            page_count=480,
            categories=["Classics", "Romance"],
            series=Series(title="Penguin Classics", position=3),
            description="It is a truth universally acknowledged.",
        )
        created = staff.CreateBook(CreateBookRequest(book=said, book_id="pride"))
        expected = Book()
        expected.CopyFrom(said)
        expected.name, expected.isbn13, expected.etag = "books/pride", PRIDE, '"1"'
        expected.state = Book.STATE_ACTIVE
        expected.create_time.CopyFrom(created.create_time)
        expected.update_time.CopyFrom(created.create_time)
        assert created == expected
        assert created.create_time.ToJsonString() == "2026-01-02T03:04:05Z"
        assert anyone.GetBook(GetBookRequest(name="books/pride")) == created

    def test_output_only_fields_are_ignored(self, staff: CatalogServiceStub) -> None:
        created = create(staff, name="books/other", state=Book.STATE_DELETED, average_rating=5, etag='"9"')
        assert (created.name, created.state, created.average_rating) == ("books/pride", Book.STATE_ACTIVE, 0)
        assert created.etag == '"1"'

    def test_the_server_makes_an_id(self, staff: CatalogServiceStub) -> None:
        created = staff.CreateBook(CreateBookRequest(book=a_book()))
        assert len(created.name.removeprefix("books/")) == 26

    def test_the_event_says_whether_the_book_is_a_file(self, catalog: Served, staff: CatalogServiceStub) -> None:
        staff.CreateBook(CreateBookRequest(book=a_book(format=Book.FORMAT_EBOOK), book_id="e"))
        rows = catalog.runtime.database.read(lambda connection: connection.execute(select(OUTBOX.c.payload)).all())
        (message,) = [BookCreated.FromString(row.payload) for row in rows]
        assert (message.book, message.version, message.digital) == ("books/e", 1, True)
        assert message.event_time.ToJsonString() == "2026-01-02T03:04:05Z"

    def test_a_taken_id_is_refused(self, staff: CatalogServiceStub) -> None:
        create(staff)
        with refused(Code.ALREADY_EXISTS, "BOOK_EXISTS") as refusal:
            create(staff, isbn13=EMMA)
        assert (refusal.metadata, refusal.domain) == ({"book": "books/pride"}, "catalog.bookstore")

    def test_a_taken_isbn_is_refused_in_any_spelling_and_of_a_deleted_book_too(self, staff: CatalogServiceStub) -> None:
        create(staff)
        staff.DeleteBook(DeleteBookRequest(name="books/pride"))
        with refused(Code.ALREADY_EXISTS, "ISBN_TAKEN") as refusal:
            create(staff, book_id="other", isbn13="0141439513")
        assert refusal.metadata == {"book": "books/pride", "isbn13": PRIDE}

    def test_a_repeat_with_the_same_request_id_is_answered_alike(
        self, catalog: Served, staff: CatalogServiceStub
    ) -> None:
        request = CreateBookRequest(book=a_book(), request_id=str(uuid4()))
        assert staff.CreateBook(request) == staff.CreateBook(request)
        assert events(catalog) == [(BookCreated.DESCRIPTOR.full_name, 1)]
        other = CreateBookRequest(book=a_book(isbn13=EMMA), request_id=request.request_id)
        with refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED"):
            staff.CreateBook(other)

    def test_of_many_at_once_with_one_isbn_one_is_created(self, catalog: Served) -> None:
        def attempt(number: int) -> str:
            stub = catalog.stub(CatalogServiceStub, user="users/staff", roles=("staff",))
            return outcome(lambda: create(stub, book_id=f"copy-{number}").name)

        with ThreadPoolExecutor(8) as pool:
            outcomes = sorted(pool.map(attempt, range(8)))
        assert outcomes[:7] == ["ALREADY_EXISTS"] * 7
        assert outcomes[7].startswith("books/copy-")

    @pytest.mark.parametrize("user", ["users/disabled", "users/deleted", "users/unknown"])
    def test_an_account_that_is_not_active_adds_nothing(
        self, catalog: Served, anyone: CatalogServiceStub, user: str
    ) -> None:
        stub = catalog.stub(CatalogServiceStub, user=user, roles=("staff",))
        with refused(Code.PERMISSION_DENIED, "ACCOUNT_INACTIVE") as refusal:
            create(stub)
        assert refusal.metadata == {"user": user}
        with refused(Code.NOT_FOUND, "BOOK_NOT_FOUND"):
            anyone.GetBook(GetBookRequest(name="books/pride"))

    def test_without_identity_nothing_is_added(self, tmp_path: Path) -> None:
        with running("catalog", build, folder=tmp_path, targets={"identity": "127.0.0.1:1"}) as alone:
            stub = alone.stub(CatalogServiceStub, user="users/staff", roles=("staff",))
            with refused(Code.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"):
                create(stub)
            assert events(alone) == []

    @pytest.mark.parametrize(
        ("fields", "reason", "field"),
        [
            ({"isbn13": "9780141439519"}, "ISBN_INVALID", "book.isbn13"),
            ({"isbn13": "9790060115615"}, "ISBN_INVALID", "book.isbn13"),
            ({"isbn13": "12"}, "FIELD_INVALID", "book.isbn13"),
            ({"price": Money(currency_code="XXX", units=1)}, "PRICE_INVALID", "book.price.currency_code"),
            ({"price": Money(currency_code="EUR", nanos=1)}, "PRICE_INVALID", "book.price.nanos"),
            ({"price": Money(currency_code="JPY", units=1, nanos=500_000_000)}, "PRICE_INVALID", "book.price.nanos"),
            ({"price": Money(currency_code="EUR", units=-1)}, "FIELD_INVALID", "book.price"),
            (
                {"publish_date": Date(year=2023, month=2, day=29)},
                "PUBLISH_DATE_INVALID",
                "book.publish_date.day",
            ),
            ({"publish_date": Date(year=2023, day=29)}, "FIELD_INVALID", "book.publish_date"),
            ({"title": ""}, "FIELD_INVALID", "book.title"),
            ({"title": "x" * 501}, "FIELD_INVALID", "book.title"),
            ({"format": 0}, "FIELD_INVALID", "book.format"),
            ({"format": 77}, "FIELD_INVALID", "book.format"),
            ({"page_count": -1}, "FIELD_INVALID", "book.page_count"),
            ({"language_code": "English"}, "FIELD_INVALID", "book.language_code"),
            ({"categories": ["A", "A"]}, "FIELD_INVALID", "book.categories"),
            ({"contributors": [Contributor(display_name="A")]}, "FIELD_INVALID", "book.contributors[0].role"),
            ({"series": Series(position=1)}, "FIELD_INVALID", "book.series.title"),
        ],
    )
    def test_bad_input_names_the_field_and_changes_nothing(
        self, catalog: Served, staff: CatalogServiceStub, fields: dict[str, object], reason: str, field: str
    ) -> None:
        book = a_book()
        for name in fields:
            book.ClearField(name)  # type: ignore[arg-type]  # any field of a book
        book.MergeFrom(Book(**fields))  # type: ignore[arg-type]
        with refused(Code.INVALID_ARGUMENT, reason) as refusal:
            staff.CreateBook(CreateBookRequest(book=book))
        assert refusal.fields == [field]
        assert events(catalog) == []

    def test_a_book_is_required(self, staff: CatalogServiceStub) -> None:
        with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
            staff.CreateBook(CreateBookRequest())
        assert refusal.fields == ["book"]

    def test_categories_and_contributors_that_fold_alike_are_kept_as_given(self, staff: CatalogServiceStub) -> None:
        twice = [
            Contributor(display_name="Tove Jansson", role=Contributor.ROLE_AUTHOR),
            Contributor(display_name="Tove Jansson", role=Contributor.ROLE_ILLUSTRATOR),
        ]
        created = create(staff, categories=["Fantasy", "fantasy"], contributors=twice)
        assert (list(created.categories), list(created.contributors)) == (["Fantasy", "fantasy"], twice)
