"""DeleteBook and UndeleteBook through the front door."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

from bookstore.catalog.v1.book_pb2 import Book
from bookstore.catalog.v1.catalog_events_pb2 import BookCreated, BookDeleted, BookUndeleted
from bookstore.catalog.v1.catalog_service_pb2 import (
    DeleteBookRequest,
    GetBookRequest,
    UndeleteBookRequest,
)
from bookstore.catalog.v1.catalog_service_pb2_grpc import CatalogServiceStub

from chassis.testing import FakeClock, Served, refused
from tests.integration.test_catalog.books import Code, create, events


class TestDeleteAndUndelete:
    def test_a_book_goes_and_comes_back_once(
        self, catalog: Served, staff: CatalogServiceStub, clock: FakeClock
    ) -> None:
        created = create(staff)
        clock.advance(timedelta(minutes=1))
        deleted = staff.DeleteBook(DeleteBookRequest(name="books/pride", etag=created.etag))
        assert (deleted.state, deleted.etag) == (Book.STATE_DELETED, '"2"')
        assert deleted.delete_time == deleted.update_time
        assert staff.DeleteBook(DeleteBookRequest(name="books/pride", etag='"1"')) == deleted
        back = staff.UndeleteBook(UndeleteBookRequest(name="books/pride", etag=deleted.etag))
        assert (back.state, back.etag, back.HasField("delete_time")) == (Book.STATE_ACTIVE, '"3"', False)
        assert staff.UndeleteBook(UndeleteBookRequest(name="books/pride", etag='"1"')) == back
        assert events(catalog) == [
            (BookCreated.DESCRIPTOR.full_name, 1),
            (BookDeleted.DESCRIPTOR.full_name, 2),
            (BookUndeleted.DESCRIPTOR.full_name, 3),
        ]

    def test_a_stale_etag_is_refused(self, staff: CatalogServiceStub) -> None:
        create(staff)
        with refused(Code.ABORTED, "ETAG_MISMATCH"):
            staff.DeleteBook(DeleteBookRequest(name="books/pride", etag='"7"'))
        staff.DeleteBook(DeleteBookRequest(name="books/pride"))
        with refused(Code.ABORTED, "ETAG_MISMATCH"):
            staff.UndeleteBook(UndeleteBookRequest(name="books/pride", etag='"1"'))

    def test_an_unknown_book_is_refused(self, staff: CatalogServiceStub) -> None:
        with refused(Code.NOT_FOUND, "BOOK_NOT_FOUND"):
            staff.DeleteBook(DeleteBookRequest(name="books/nothing"))
        with refused(Code.NOT_FOUND, "BOOK_NOT_FOUND"):
            staff.UndeleteBook(UndeleteBookRequest(name="books/nothing"))

    def test_a_repeat_with_the_same_request_id_is_answered_alike(self, staff: CatalogServiceStub) -> None:
        create(staff)
        request = DeleteBookRequest(name="books/pride", request_id=str(uuid4()))
        deleted = staff.DeleteBook(request)
        staff.UndeleteBook(UndeleteBookRequest(name="books/pride"))
        assert staff.DeleteBook(request) == deleted
        assert staff.GetBook(GetBookRequest(name="books/pride")).state == Book.STATE_ACTIVE
