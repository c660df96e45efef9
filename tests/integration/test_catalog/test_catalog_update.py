"""UpdateBook through the front door."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from uuid import uuid4

import pytest
from bookstore.catalog.v1.book_pb2 import Book, Contributor, Series
from bookstore.catalog.v1.catalog_events_pb2 import BookUpdated
from bookstore.catalog.v1.catalog_service_pb2 import (
    DeleteBookRequest,
    GetBookRequest,
    UpdateBookRequest,
)
from bookstore.catalog.v1.catalog_service_pb2_grpc import CatalogServiceStub
from google.protobuf.field_mask_pb2 import FieldMask
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money

from chassis.testing import FakeClock, Served, refused
from tests.integration.test_catalog.books import EMMA, PRIDE, Code, a_book, create, events, outcome


class TestUpdate:
    def test_the_mask_says_what_changes(self, catalog: Served, staff: CatalogServiceStub, clock: FakeClock) -> None:
        before = create(staff, subtitle="A Novel", categories=["Classics"])
        clock.advance(timedelta(hours=1))
        change = Book(name="books/pride", title="Pride", description="ignored", etag=before.etag)
        after = staff.UpdateBook(
            UpdateBookRequest(book=change, update_mask=FieldMask(paths=["title", "subtitle", "state"]))
        )
        expected = Book()
        expected.CopyFrom(before)
        expected.title, expected.subtitle, expected.etag = "Pride", "", '"2"'
        expected.update_time.FromJsonString("2026-01-02T04:04:05Z")
        assert after == expected
        assert staff.GetBook(GetBookRequest(name="books/pride")) == after
        assert events(catalog)[1:] == [(BookUpdated.DESCRIPTOR.full_name, 2)]

    def test_without_a_mask_the_populated_fields_change(self, staff: CatalogServiceStub) -> None:
        create(staff, subtitle="A Novel")
        after = staff.UpdateBook(UpdateBookRequest(book=Book(name="books/pride", page_count=480)))
        assert (after.page_count, after.subtitle, after.title) == (480, "A Novel", "Pride and Prejudice")

    def test_every_field_can_be_changed(self, staff: CatalogServiceStub) -> None:
        create(staff)
        change = a_book(
            EMMA,
            title="Emma",
            name="books/pride",
            format=Book.FORMAT_AUDIOBOOK,
            contributors=[Contributor(display_name="Juliet Stevenson", role=Contributor.ROLE_NARRATOR)],
            publisher="Naxos",
            language_code="en-GB",
            publish_date=Date(year=2007),
            categories=["Audio"],
            series=Series(title="Austen"),
            price=Money(currency_code="USD", units=1),
        )
        change.price.CopyFrom(Money(currency_code="USD", units=12, nanos=500_000_000))
        after = staff.UpdateBook(UpdateBookRequest(book=change))
        for field, value in change.ListFields():
            if field.name != "name":
                assert getattr(after, field.name) == value, field.name

    def test_a_masked_field_that_is_absent_is_cleared(self, staff: CatalogServiceStub) -> None:
        create(staff, publish_date=Date(year=2002), series=Series(title="Austen", position=2), categories=["Classics"])
        mask = FieldMask(paths=["publish_date", "series", "categories"])
        after = staff.UpdateBook(UpdateBookRequest(book=Book(name="books/pride"), update_mask=mask))
        assert not after.HasField("publish_date")
        assert not after.HasField("series")
        assert list(after.categories) == []

    def test_nothing_different_changes_nothing(self, catalog: Served, staff: CatalogServiceStub) -> None:
        before = create(staff)
        assert staff.UpdateBook(UpdateBookRequest(book=before)) == before
        assert len(events(catalog)) == 1

    def test_a_stale_etag_is_refused(self, staff: CatalogServiceStub) -> None:
        before = create(staff)
        staff.UpdateBook(UpdateBookRequest(book=Book(name="books/pride", title="First", etag=before.etag)))
        with refused(Code.ABORTED, "ETAG_MISMATCH") as refusal:
            staff.UpdateBook(UpdateBookRequest(book=Book(name="books/pride", title="Second", etag=before.etag)))
        assert refusal.metadata == {"current": '"2"'}
        assert staff.GetBook(GetBookRequest(name="books/pride")).title == "First"

    def test_of_many_editors_at_once_with_one_etag_one_wins(self, catalog: Served, staff: CatalogServiceStub) -> None:
        before = create(staff)

        def attempt(number: int) -> str:
            change = Book(name=before.name, title=f"Title {number}", etag=before.etag)
            return outcome(lambda: staff.UpdateBook(UpdateBookRequest(book=change)).etag)

        with ThreadPoolExecutor(8) as pool:
            outcomes = sorted(pool.map(attempt, range(8)))
        assert outcomes == ['"2"', *["ABORTED"] * 7]

    def test_the_isbn_of_another_book_is_refused(self, staff: CatalogServiceStub) -> None:
        create(staff, "pride", PRIDE)
        create(staff, "emma", EMMA)
        with refused(Code.ALREADY_EXISTS, "ISBN_TAKEN") as refusal:
            staff.UpdateBook(UpdateBookRequest(book=Book(name="books/emma", isbn13=PRIDE)))
        assert refusal.metadata == {"book": "books/pride", "isbn13": PRIDE}

    def test_the_own_isbn_in_another_spelling_is_no_change(self, staff: CatalogServiceStub) -> None:
        create(staff)
        after = staff.UpdateBook(UpdateBookRequest(book=Book(name="books/pride", isbn13="0-14-143951-3")))
        assert (after.isbn13, after.etag) == (PRIDE, '"1"')

    def test_a_deleted_book_is_refused(self, staff: CatalogServiceStub) -> None:
        create(staff)
        staff.DeleteBook(DeleteBookRequest(name="books/pride"))
        with refused(Code.FAILED_PRECONDITION, "BOOK_DELETED"):
            staff.UpdateBook(UpdateBookRequest(book=Book(name="books/pride", title="Other")))

    def test_an_unknown_book_is_refused(self, staff: CatalogServiceStub) -> None:
        with refused(Code.NOT_FOUND, "BOOK_NOT_FOUND"):
            staff.UpdateBook(UpdateBookRequest(book=Book(name="books/nothing", title="Other")))

    @pytest.mark.parametrize(
        ("change", "paths", "reason", "field"),
        [
            (Book(title="No name"), [], "FIELD_INVALID", "book.name"),
            (Book(name="books/pride"), ["weight"], "FIELD_INVALID", "update_mask"),
            (Book(name="books/pride"), ["price.units"], "FIELD_INVALID", "update_mask"),
            (Book(name="books/pride"), ["title"], "FIELD_INVALID", "book.title"),
            (Book(name="books/pride"), ["price"], "FIELD_INVALID", "book.price"),
            (Book(name="books/pride", isbn13="9780141439519"), [], "ISBN_INVALID", "book.isbn13"),
            (
                Book(name="books/pride", price=Money(currency_code="XXX")),
                [],
                "PRICE_INVALID",
                "book.price.currency_code",
            ),
            (
                Book(name="books/pride", publish_date=Date(year=2001, month=4, day=31)),
                [],
                "PUBLISH_DATE_INVALID",
                "book.publish_date.day",
            ),
        ],
    )
    def test_bad_input_names_the_field_and_changes_nothing(
        self, staff: CatalogServiceStub, change: Book, paths: list[str], reason: str, field: str
    ) -> None:
        before = create(staff)
        with refused(Code.INVALID_ARGUMENT, reason) as refusal:
            staff.UpdateBook(UpdateBookRequest(book=change, update_mask=FieldMask(paths=paths)))
        assert refusal.fields == [field]
        assert staff.GetBook(GetBookRequest(name="books/pride")) == before

    def test_a_repeat_with_the_same_request_id_is_answered_alike(
        self, catalog: Served, staff: CatalogServiceStub
    ) -> None:
        before = create(staff)
        change = Book(name="books/pride", title="Pride", etag=before.etag)
        request = UpdateBookRequest(book=change, request_id=str(uuid4()))
        assert staff.UpdateBook(request) == staff.UpdateBook(request)
        assert len(events(catalog)) == 2
