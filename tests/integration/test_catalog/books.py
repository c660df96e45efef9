"""Books to test with, and what to look at in a running catalog."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from bookstore.catalog.v1.book_pb2 import Book, Contributor
from bookstore.catalog.v1.catalog_service_pb2 import (
    CreateBookRequest,
)
from bookstore.catalog.v1.catalog_service_pb2_grpc import CatalogServiceStub
from google.type.money_pb2 import Money
from sqlalchemy import select

from chassis.kernel import Caller
from chassis.schema import OUTBOX
from chassis.service import Runtime
from chassis.testing import Served
from services.catalog.edit_book import EditBook
from tests.sql import sql_of

PRIDE, EMMA = "9780141439518", "9780141439587"
AUSTEN = Contributor(display_name="Jane Austen", role=Contributor.ROLE_AUTHOR)
Code = grpc.StatusCode


def a_book(isbn13: str = PRIDE, title: str = "Pride and Prejudice", **fields: object) -> Book:
    book = Book(
        title=title,
        isbn13=isbn13,
        format=Book.FORMAT_PAPERBACK,
        price=Money(currency_code="EUR", units=8, nanos=990_000_000),
    )
    book.MergeFrom(Book(**fields))  # type: ignore[arg-type]  # any field of a book
    return book


def create(staff: CatalogServiceStub, book_id: str = "pride", isbn13: str = PRIDE, **fields: object) -> Book:
    return staff.CreateBook(CreateBookRequest(book=a_book(isbn13, **fields), book_id=book_id))  # type: ignore[arg-type]


def outcome(call: Callable[[], str]) -> str:
    """What a call answers, or the name of the code it is refused with."""
    try:
        return call()
    except grpc.RpcError as error:
        refusal: Any = error  # a failed call is a grpc.Call as well, which its type does not say
        return str(refusal.code().name)


class AllActive:
    """Accounts, all of them active."""

    def require_active(self, caller: Caller) -> None:
        """Accepts the caller."""


def edit_book(runtime: Runtime) -> EditBook:
    """The commands of a catalog that does not ask identity."""
    return EditBook(
        answers=runtime.answers,
        accounts=AllActive(),
        clock=runtime.clock,
        ids=runtime.ids,
        outbox=runtime.outbox,
    )


def events(catalog: Served) -> list[tuple[str, int]]:
    """Subjects and versions in the outbox, oldest first."""
    statement = select(OUTBOX.c.subject, OUTBOX.c.version).order_by(OUTBOX.c.id)
    rows = catalog.runtime.database.read(lambda connection: connection.execute(statement).all())
    return [(row.subject, row.version) for row in rows]


def statements(catalog: Served, call: Callable[[], object]) -> int:
    """How many SQL statements the service runs during a call."""
    with sql_of(catalog.runtime.database) as seen:
        call()
    return len(seen)
