"""The storefront with its three sources as ports."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from bookstore.catalog.v1.book_pb2 import Book
from bookstore.inventory.v1.stock_pb2 import Stock
from bookstore.promotions.v1.promotion_pb2 import Promotion, PromotionCondition
from bookstore.storefront.v1.book_page_pb2 import BookPage
from bookstore.storefront.v1.storefront_errors import BookNotFound
from google.type.date_pb2 import Date

from chassis.testing import FakeClock
from chassis.v1.platform_errors import DependencyUnavailable
from services.storefront.book_page import BookPages

TODAY = datetime(2026, 6, 1, tzinfo=UTC)
PAPERBACK = Book(name="books/1", format=Book.FORMAT_PAPERBACK, categories=["Fantasy"])
FOR_FANTASY = Promotion(name="promotions/fantasy", condition=PromotionCondition(categories=["fantasy"]))
FOR_CRIME = Promotion(name="promotions/crime", condition=PromotionCondition(categories=["Crime"]))
FOR_ALL = Promotion(name="promotions/all")


class FakeSources:
    """Catalog, inventory and promotions that answer what they are given; an exception is raised."""

    def __init__(self, book: Book | None, stock: Stock | Exception | None, promotions: list[Promotion] | Exception):
        self._book, self._stock, self._promotions = book, stock, promotions

    def book(self, name: str) -> Book:
        if self._book is None:
            raise BookNotFound(book=name)
        return self._book

    def stock(self, book_id: str) -> Stock | None:
        if isinstance(self._stock, Exception):
            raise self._stock
        return self._stock

    def active(self) -> list[Promotion]:
        if isinstance(self._promotions, Exception):
            raise self._promotions
        return self._promotions


@pytest.fixture
def executor() -> Iterator[Executor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def page(executor: Executor, sources: FakeSources) -> BookPage:
    pages = BookPages(catalog=sources, inventory=sources, promotions=sources, executor=executor, clock=FakeClock(TODAY))
    return pages.page("1")


def test_a_page_shows_book_stock_and_the_promotions_it_can_take_part_in(executor: Executor) -> None:
    found = page(executor, FakeSources(PAPERBACK, Stock(available=3), [FOR_FANTASY, FOR_CRIME, FOR_ALL]))
    assert (found.name, found.book.name, found.stock.available) == ("pages/books/1", "books/1", 3)
    assert found.availability == BookPage.AVAILABILITY_AVAILABLE
    assert [promotion.name for promotion in found.promotions] == ["promotions/fantasy", "promotions/all"]
    assert not found.degraded


def test_parts_that_are_down_are_left_out_and_named(executor: Executor) -> None:
    down = DependencyUnavailable(service="inventory", detail="it is down")
    found = page(executor, FakeSources(PAPERBACK, down, down))
    assert list(found.degraded) == ["inventory", "promotions"]
    assert found.availability == BookPage.AVAILABILITY_UNSPECIFIED
    assert not found.HasField("stock")


def test_without_the_book_there_is_no_page(executor: Executor) -> None:
    with pytest.raises(BookNotFound):
        page(executor, FakeSources(None, Stock(available=3), []))


@pytest.mark.parametrize(
    ("book", "stock", "expected"),
    [
        (PAPERBACK, Stock(available=0), BookPage.AVAILABILITY_OUT_OF_STOCK),
        (PAPERBACK, None, BookPage.AVAILABILITY_OUT_OF_STOCK),
        (Book(format=Book.FORMAT_EBOOK), None, BookPage.AVAILABILITY_AVAILABLE),
        (Book(format=Book.FORMAT_EBOOK, publish_date=Date(year=2027)), None, BookPage.AVAILABILITY_PREORDER),
        (Book(publish_date=Date(year=2026, month=6)), Stock(available=1), BookPage.AVAILABILITY_AVAILABLE),
        (
            Book(publish_date=Date(year=2026, month=6, day=2)),
            Stock(available=1),
            BookPage.AVAILABILITY_PREORDER,
        ),
    ],
)
def test_whether_a_book_can_be_had(executor: Executor, book: Book, stock: Stock | None, expected: int) -> None:
    assert page(executor, FakeSources(book, stock, [])).availability == expected
