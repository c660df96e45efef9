"""ListBooks: filters, orders and pages over a small shelf."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
from bookstore.catalog.v1.book_pb2 import Book, Contributor
from bookstore.catalog.v1.catalog_service_pb2 import ListBooksRequest
from bookstore.catalog.v1.catalog_service_pb2_grpc import CatalogServiceStub
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.kernel import ANONYMOUS
from chassis.testing import Served, refused, running
from services.catalog.app import build
from services.catalog.convert import edition_of
from tests.integration.test_catalog.books import edit_book
from tests.sql import sql_of

Code = grpc.StatusCode


def book(
    title: str,
    isbn13: str,
    *authors: str,
    price: Money,
    date: Date | None = None,
    kind: Book.Format.ValueType = Book.FORMAT_PAPERBACK,
    publisher: str = "",
    language: str = "",
    categories: tuple[str, ...] = (),
) -> Book:
    return Book(
        title=title,
        isbn13=isbn13,
        contributors=[Contributor(display_name=author, role=Contributor.ROLE_AUTHOR) for author in authors],
        price=price,
        publish_date=date,
        format=kind,
        publisher=publisher,
        language_code=language,
        categories=categories,
    )


def euro(units: int, cents: int = 0) -> Money:
    return Money(currency_code="EUR", units=units, nanos=cents * 10_000_000)


SHELF = {
    "dune": book(
        "Dune",
        "9780441172719",
        "Frank Herbert",
        price=euro(9, 99),
        date=Date(year=1990, month=9, day=1),
        publisher="Ace",
        language="en",
        categories=("Science Fiction", "Classics"),
    ),
    "emma": book(
        "Emma",
        "9780141439587",
        "Jane Austen",
        price=euro(7, 50),
        date=Date(year=2003),
        publisher="Penguin",
        language="en-GB",
        categories=("Classics", "Romance"),
    ),
    "pride": book(
        "emma's neighbours",
        "9780141439518",
        "Jane Austen",
        "Vivien Jones",
        price=Money(currency_code="JPY", units=1200),
        date=Date(year=2002, month=12),
        kind=Book.FORMAT_HARDCOVER,
        publisher="penguin",
        categories=("Classics",),
    ),
    "ete": book("Été", "9780804429573", "Colette", price=euro(12, 50), kind=Book.FORMAT_EBOOK, language="fr"),
    "gone": book("Gone", "9780306406157", "Jane Austen", price=euro(1), categories=("Classics",)),
}


def add(served: Served, book_id: str, message: Book) -> None:
    """Writes a book without asking identity."""
    edit_book(served.runtime).create(edition_of(message), caller=ANONYMOUS, book_id=book_id)


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The shelf, written once: the tests only read."""
    folder = tmp_path_factory.mktemp("catalog")
    with running("catalog", build, folder=folder, targets={"identity": "127.0.0.1:1"}) as served:
        for book_id, message in SHELF.items():
            add(served, book_id, message)
        edit_book(served.runtime).delete("gone", etag="")
        yield served


@pytest.fixture(scope="module")
def anyone(catalog: Served) -> CatalogServiceStub:
    return catalog.stub(CatalogServiceStub)


@pytest.fixture(scope="module")
def staff(catalog: Served) -> CatalogServiceStub:
    return catalog.stub(CatalogServiceStub, user="users/staff", roles=("staff",))


def listed(stub: CatalogServiceStub, text: str = "", order_by: str = "", *, show_deleted: bool = False) -> list[str]:
    request = ListBooksRequest(filter=text, order_by=order_by, show_deleted=show_deleted)
    return [found.name.removeprefix("books/") for found in stub.ListBooks(request).books]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('format = "PAPERBACK"', ["dune", "emma"]),
        ("format = FORMAT_EBOOK", ["ete"]),
        ("format = hardcover", ["pride"]),
        ('language_code = "EN"', ["dune"]),
        ("languageCode = en-gb", ["emma"]),
        ('publisher = "PENGUIN"', ["emma", "pride"]),
        ("publisher:*", ["dune", "emma", "pride"]),
        ('isbn13 = "0-14-143951-3"', ["pride"]),
        ('title = "dune"', ["dune"]),
        ('title = "dun"', []),
        ('title = "EMMA*"', ["emma", "pride"]),
        ('title = "e\u0301t*"', ["ete"]),
        ('categories:"classics"', ["dune", "emma", "pride"]),
        ('categories:"Class"', []),
        ("categories:*", ["dune", "emma", "pride"]),
        ('categories:"Classics" AND categories:"Romance"', ["emma"]),
        ('contributors:"jane austen"', ["emma", "pride"]),
        ('contributors:"Vivien Jones"', ["pride"]),
        ("price < 9.99", ["emma"]),
        ("price <= 9.99", ["dune", "emma"]),
        ("price = 7.5", ["emma"]),
        ("price > 12.499", ["pride", "ete"]),
        ("price >= 1200", ["pride"]),
        ("publish_date >= 2002-12-01", ["emma", "pride"]),
        ("publish_date > 2002-12-01", ["emma"]),
        ("publish_date = 2003-01-01", ["emma"]),
        ("publish_date < 2100-01-01", ["dune", "emma", "pride"]),
        ("publish_date:*", ["dune", "emma", "pride"]),
        ('contributors:"Jane Austen" AND format = PAPERBACK AND price < 8', ["emma"]),
        ('title = "\' OR 1=1 --"', []),
        ('title = "%*"', []),
    ],
)
def test_filter(anyone: CatalogServiceStub, text: str, expected: list[str]) -> None:
    assert listed(anyone, text) == expected


@pytest.mark.parametrize(
    ("order_by", "expected"),
    [
        ("", ["dune", "emma", "pride", "ete"]),
        ("title desc", ["ete", "pride", "emma", "dune"]),
        ("price", ["emma", "dune", "ete", "pride"]),
        ("price desc", ["pride", "ete", "dune", "emma"]),
        ("publish_date", ["dune", "pride", "emma", "ete"]),
        ("publish_date desc", ["emma", "pride", "dune", "ete"]),
        ("create_time, title desc", ["ete", "pride", "emma", "dune"]),
        ("createTime desc", ["pride", "ete", "emma", "dune"]),
    ],
)
def test_order(anyone: CatalogServiceStub, order_by: str, expected: list[str]) -> None:
    assert listed(anyone, order_by=order_by) == expected


@given(
    st.sampled_from(["", "title desc", "price, title desc", "publish_date desc", "publish_date", "create_time desc"]),
    st.integers(1, 5),
    st.sampled_from(["", "categories:Classics", "price > 8"]),
)
@settings(deadline=None, max_examples=30)
def test_walking_the_pages_is_the_whole_list(anyone: CatalogServiceStub, order_by: str, size: int, text: str) -> None:
    walked: list[str] = []
    request = ListBooksRequest(page_size=size, order_by=order_by, filter=text)
    while True:
        page = anyone.ListBooks(request)
        walked += [found.name.removeprefix("books/") for found in page.books]
        if not page.next_page_token:
            break
        assert len(page.books) == size
        request.page_token = page.next_page_token
    assert walked == listed(anyone, text, order_by)


def test_a_listed_book_is_the_whole_book(anyone: CatalogServiceStub) -> None:
    (found,) = anyone.ListBooks(ListBooksRequest(filter='title = "Dune"')).books
    said = SHELF["dune"]
    for field, value in said.ListFields():
        assert getattr(found, field.name) == value


def test_staff_alone_list_deleted_books(anyone: CatalogServiceStub, staff: CatalogServiceStub) -> None:
    assert "gone" not in listed(staff)
    assert "gone" in listed(staff, show_deleted=True)
    with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
        listed(anyone, show_deleted=True)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("price", "price"),
        ("price = cheap", "price"),
        ("price < 1.2345", "price"),
        ("price = -1", "price"),
        ("publish_date > yesterday", "publish_date"),
        ("format = SCROLL", "format"),
        ("format > EBOOK", "format"),
        ("isbn13 = 9780141439519", "isbn13"),
        ('categories = "Classics"', "categories"),
        ("weight = 1", "weight"),
        ("title = a OR title = b", "filter"),
        ('title:"dune"', "title"),
        ('title = "*dune*"', "title"),
        ('publisher = "Pen*"', "publisher"),
        ('title = "open', "title"),
        (" AND ".join(["price > 1"] * 11), "filter"),
    ],
)
def test_a_filter_that_is_not_understood_is_refused(anyone: CatalogServiceStub, text: str, name: str) -> None:
    with refused(Code.INVALID_ARGUMENT, "FILTER_INVALID") as refusal:
        listed(anyone, text)
    assert (refusal.fields, refusal.metadata["field"]) == (["filter"], name)


@pytest.mark.parametrize("order_by", ["weight", "title sideways", "title, title", "title,", ", title"])
def test_an_order_that_is_not_understood_is_refused(anyone: CatalogServiceStub, order_by: str) -> None:
    with refused(Code.INVALID_ARGUMENT, "FILTER_INVALID") as refusal:
        listed(anyone, order_by=order_by)
    assert refusal.fields == ["order_by"]


def test_a_token_belongs_to_its_request(anyone: CatalogServiceStub) -> None:
    token = anyone.ListBooks(ListBooksRequest(page_size=1)).next_page_token
    with refused(Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"):
        anyone.ListBooks(ListBooksRequest(page_size=1, page_token=token, order_by="price"))
    with refused(Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"):
        anyone.ListBooks(ListBooksRequest(page_token="e30"))
    assert len(anyone.ListBooks(ListBooksRequest(page_size=2, page_token=token)).books) == 2


def test_a_negative_page_size_is_refused_and_a_huge_one_taken_as_the_largest(anyone: CatalogServiceStub) -> None:
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        anyone.ListBooks(ListBooksRequest(page_size=-1))
    assert refusal.fields == ["page_size"]
    assert len(anyone.ListBooks(ListBooksRequest(page_size=2**31 - 1)).books) == 4


@pytest.mark.parametrize(
    ("letter", "fewest", "most"),
    [("a", 100, 100), ("\U0001d400", 70, 80)],
    ids=["by number", "by size"],
)
def test_a_page_is_bounded_by_number_and_by_size(tmp_path: Path, letter: str, fewest: int, most: int) -> None:
    with running("catalog", build, folder=tmp_path, targets={"identity": "127.0.0.1:1"}) as served:
        for number in range(101):
            facts = book(f"Volume {number:03}", isbn_of(number), price=euro(1))
            facts.description = letter * 10_000  # four bytes each, or one
            add(served, f"volume-{number:03}", facts)
        stub = served.stub(CatalogServiceStub)
        request, names = ListBooksRequest(page_size=1000), list[str]()
        first = stub.ListBooks(request)
        assert fewest <= len(first.books) <= most
        assert first.ByteSize() < 4 * 1024 * 1024, "what a gRPC client reads unless told otherwise"
        while True:
            reply = stub.ListBooks(request)
            names += [found.name for found in reply.books]
            if not reply.next_page_token:
                break
            request.page_token = reply.next_page_token
    assert names == [f"books/volume-{number:03}" for number in range(101)]


def isbn_of(number: int) -> str:
    """An ISBN with the check digit of ISO 2108."""
    digits = f"978{number:09}"
    weighed = sum(int(digit) * (1 + 2 * (place % 2)) for place, digit in enumerate(digits))
    return f"{digits}{-weighed % 10}"


def test_a_page_takes_one_statement(catalog: Served, anyone: CatalogServiceStub) -> None:
    with sql_of(catalog.runtime.database) as seen:
        listed(anyone, 'categories:"Classics"', "price desc")
    assert len(seen) == 1


def test_a_token_after_the_longest_title_is_accepted(tmp_path: Path) -> None:
    longest = "\U0001d400" * 500  # four bytes each, and the same in lower case
    with running("catalog", build, folder=tmp_path, targets={"identity": "127.0.0.1:1"}) as served:
        add(served, "a" * 64, book(longest, "9780441172719", price=euro(1)))
        add(served, "b" * 64, book(longest, "9780141439587", price=euro(1)))
        stub = served.stub(CatalogServiceStub)
        token = stub.ListBooks(ListBooksRequest(page_size=1)).next_page_token
        (last,) = stub.ListBooks(ListBooksRequest(page_size=1, page_token=token)).books
    assert last.name == f"books/{'b' * 64}"


def test_a_category_that_is_taken_away_is_found_no_more(tmp_path: Path) -> None:
    with running("catalog", build, folder=tmp_path, targets={"identity": "127.0.0.1:1"}) as served:
        add(served, "emma", SHELF["emma"])
        changes = {"categories": ("Romance", "Regency")}
        edit_book(served.runtime).update("emma", changes, etag="")
        stub = served.stub(CatalogServiceStub)
        assert listed(stub, "categories:Classics") == []
        assert listed(stub, "categories:regency") == listed(stub, "categories:romance") == ["emma"]
