"""The catalog's statements on each engine: the same books, the same order, the same refusals."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from bookstore.catalog.v1.book_pb2 import Book
from bookstore.catalog.v1.catalog_errors import BookExists, IsbnTaken

from chassis.database import Database
from chassis.idempotency import IdempotencyStore
from chassis.kernel import ANONYMOUS, Money, SystemIds
from chassis.migrations import drift
from chassis.outbox import Outbox
from chassis.paging import PageRequest
from chassis.testing import FakeClock
from services.catalog import book as entities
from services.catalog import store
from services.catalog.book import Contributor, ContributorRole, Edition, Format, PartialDate, Series
from services.catalog.edit_book import EditBook
from services.catalog.queries import BookQueries, BookQuery
from tests.integration.test_catalog.books import AllActive

EMMA = Edition(
    title="Emma",
    isbn13="9780141439587",
    format=Format.PAPERBACK,
    price=Money(minor=750, currency="EUR"),
    contributors=(Contributor(display_name="Jane Austen", role=ContributorRole.AUTHOR),),
    publisher="Penguin",
    language_code="en",
    publish_date=PartialDate(year=2003),
    page_count=512,
    categories=("Classics", "Romance"),
    series=Series(title="Penguin Classics", position=2),
    description="Handsome, clever, and rich.",
)
ETE = Edition(
    title="Été",
    isbn13="9780804429573",
    format=Format.EBOOK,
    price=Money(minor=1200, currency="JPY"),
    categories=("Poésie",),
)
LOWER = replace(ETE, title="a lower case title", isbn13="9780441172719", publish_date=PartialDate(year=1990, month=9))


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    assert drift("catalog", store.metadata, database_url) == []
    database = Database(database_url, name="catalog")
    yield database
    database.close()


@pytest.fixture
def edit(database: Database) -> EditBook:
    clock, ids = FakeClock(datetime(2026, 1, 2, tzinfo=UTC)), SystemIds()
    outbox = Outbox(clock, ids, source="//bookstore/catalog")
    return EditBook(
        answers=IdempotencyStore(database, clock), accounts=AllActive(), clock=clock, ids=ids, outbox=outbox
    )


def create(edit: EditBook, edition: Edition, book_id: str) -> Book:
    return edit.create(edition, caller=ANONYMOUS, book_id=book_id)


def listed(database: Database, text: str = "", order_by: str = "") -> list[str]:
    """Ids of all books asked for, read in pages of one."""
    wanted, queries, ids, token = BookQuery(filter=text, order_by=order_by), BookQueries(database), [], ""
    while True:
        page = queries.page(wanted, PageRequest(size=1, token=token), ANONYMOUS)
        ids += [book.name.removeprefix("books/") for book in page.items]
        token = page.next_page_token
        if not token:
            return ids


def test_a_book_is_read_as_it_was_written(database: Database, edit: EditBook) -> None:
    written = create(edit, EMMA, "emma")
    assert BookQueries(database).book("emma", ANONYMOUS) == written
    assert BookQueries(database).books(["emma"], allow_missing=False) == [written]
    revised = edit.update("emma", {"categories": ("Regency",)}, etag="")
    assert BookQueries(database).book("emma", ANONYMOUS) == revised
    assert list(revised.categories) == ["Regency"]
    assert database.read(lambda connection: store.find_book(connection, "emma")) == entities.Book(
        id="emma",
        edition=replace(EMMA, categories=("Regency",)),
        create_time=datetime(2026, 1, 2, tzinfo=UTC),
        update_time=datetime(2026, 1, 2, tzinfo=UTC),
        version=2,
    )


def test_lists_are_alike(database: Database, edit: EditBook) -> None:
    for book_id, edition in (("emma", EMMA), ("ete", ETE), ("lower", LOWER)):
        create(edit, edition, book_id)
    assert listed(database) == ["lower", "emma", "ete"]
    assert listed(database, order_by="title desc") == ["ete", "emma", "lower"]
    assert listed(database, order_by="price, title") == ["emma", "lower", "ete"]
    assert listed(database, order_by="publish_date") == ["lower", "emma", "ete"]
    assert listed(database, order_by="publish_date desc") == ["emma", "lower", "ete"]
    assert listed(database, order_by="create_time desc") == ["lower", "ete", "emma"]
    assert listed(database, 'categories:"POÉSIE"') == ["lower", "ete"]
    assert listed(database, 'contributors:"jane austen" AND format = PAPERBACK') == ["emma"]
    assert listed(database, 'title = "ét*"') == ["ete"]
    assert listed(database, "price >= 8 AND publish_date:*") == ["lower"]
    assert listed(database, "categories:* AND publisher = penguin AND language_code = EN") == ["emma"]


def test_an_id_and_an_isbn_are_taken_once(database: Database, edit: EditBook) -> None:
    create(edit, EMMA, "emma")
    with pytest.raises(BookExists):
        create(edit, ETE, "emma")
    with pytest.raises(IsbnTaken):
        create(edit, EMMA, "other")
    create(edit, ETE, "ete")
    with pytest.raises(IsbnTaken):
        edit.update("ete", {"isbn13": EMMA.isbn13}, etag="")


def test_of_many_at_once_with_one_isbn_one_is_written(database: Database, edit: EditBook) -> None:
    def attempt(number: int) -> str:
        try:
            return create(edit, EMMA, f"copy-{number}").name
        except IsbnTaken as taken:
            return taken.metadata["book"]

    with ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(attempt, range(6)))
    (winner,) = listed(database)
    assert answers == {f"books/{winner}"}
