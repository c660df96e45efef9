"""The catalog's statements on each engine: the same books, the same order, the same refusals."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest

from chassis.database import Database
from chassis.kernel import ANONYMOUS, Money, SystemIds
from chassis.migrations import drift
from chassis.outbox import Outbox
from chassis.paging import PageRequest
from chassis.testing import FakeClock
from services.catalog import storage
from services.catalog.domain import (
    BookExists,
    Contributor,
    ContributorRole,
    Edition,
    Format,
    IsbnTaken,
    PartialDate,
    Series,
)
from services.catalog.editing import Editing
from services.catalog.reading import Reading, Wanted

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
    assert drift("catalog", storage.metadata, database_url) == []
    database = Database(database_url, name="catalog")
    yield database
    database.close()


@pytest.fixture
def editing() -> Editing:
    clock, ids = FakeClock(datetime(2026, 1, 2, tzinfo=UTC)), SystemIds()
    return Editing(clock=clock, ids=ids, outbox=Outbox(clock, ids, source="//bookstore/catalog"))


def listed(database: Database, text: str = "", order_by: str = "") -> list[str]:
    """Ids of all books asked for, read in pages of one."""
    wanted, reading, ids, token = Wanted(filter=text, order_by=order_by), Reading(database), [], ""
    while True:
        page = reading.page(wanted, PageRequest(size=1, token=token), ANONYMOUS)
        ids += [book.id for book in page.items]
        token = page.next_page_token
        if not token:
            return ids


def test_a_book_is_read_as_it_was_written(database: Database, editing: Editing) -> None:
    written = database.transact(lambda tx: editing.create(tx, EMMA, book_id="emma"))
    assert Reading(database).book("emma", ANONYMOUS) == written
    assert Reading(database).books(["emma"], allow_missing=False) == [written]
    revised = database.transact(lambda tx: editing.update(tx, "emma", {"categories": ("Regency",)}, etag=""))
    assert Reading(database).book("emma", ANONYMOUS) == revised
    assert revised.edition == replace(EMMA, categories=("Regency",))


def test_lists_are_alike(database: Database, editing: Editing) -> None:
    for book_id, edition in (("emma", EMMA), ("ete", ETE), ("lower", LOWER)):
        database.transact(partial(editing.create, edition=edition, book_id=book_id))
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
    assert listed(database, "categories:* AND publisher = penguin AND language_code:EN") == ["emma"]


def test_an_id_and_an_isbn_are_taken_once(database: Database, editing: Editing) -> None:
    database.transact(lambda tx: editing.create(tx, EMMA, book_id="emma"))
    with pytest.raises(BookExists):
        database.transact(lambda tx: editing.create(tx, ETE, book_id="emma"))
    with pytest.raises(IsbnTaken):
        database.transact(lambda tx: editing.create(tx, EMMA, book_id="other"))
    database.transact(lambda tx: editing.create(tx, ETE, book_id="ete"))
    with pytest.raises(IsbnTaken):
        database.transact(lambda tx: editing.update(tx, "ete", {"isbn13": EMMA.isbn13}, etag=""))


def test_of_many_at_once_with_one_isbn_one_is_written(database: Database, editing: Editing) -> None:
    def attempt(number: int) -> str:
        try:
            return database.transact(lambda tx: editing.create(tx, EMMA, book_id=f"copy-{number}")).id
        except IsbnTaken as taken:
            return taken.metadata["book"]

    with ThreadPoolExecutor(6) as pool:
        answers = set(pool.map(attempt, range(6)))
    (winner,) = listed(database)
    assert answers == {winner, f"books/{winner}"}
