"""The page of one book."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from contextvars import copy_context
from datetime import date
from typing import TypeVar

import structlog
from bookstore.catalog.v1.book_pb2 import Book
from bookstore.storefront.v1.book_page_pb2 import BookPage

from chassis.kernel import Clock, ServiceError
from services.storefront.availability import availability, takes_part
from services.storefront.remotes import Catalog, Inventory, Promotions

T = TypeVar("T")
_log = structlog.get_logger(__name__)
_DIGITAL = frozenset({Book.FORMAT_EBOOK, Book.FORMAT_AUDIOBOOK})


class BookPages:
    """Gathers pages: the book must be there, stock and promotions are left out when their service does not answer."""

    def __init__(
        self, *, catalog: Catalog, inventory: Inventory, promotions: Promotions, executor: Executor, clock: Clock
    ) -> None:
        self._catalog = catalog
        self._inventory = inventory
        self._promotions = promotions
        self._executor = executor
        self._clock = clock

    def page(self, book_id: str) -> BookPage:
        """The page of a book; the three services are asked at once. Raises BookNotFound."""
        stock_answer = self._ask(lambda: self._inventory.stock(book_id))
        promotions_answer = self._ask(self._promotions.active)
        book = self._catalog.book(f"books/{book_id}")
        degraded: list[str] = []
        stock = _unless_down(stock_answer, "inventory", degraded)
        promotions = _unless_down(promotions_answer, "promotions", degraded) or []
        digital = book.format in _DIGITAL
        copies = None if "inventory" in degraded else (stock.available if stock is not None else 0)
        can_be_had = availability(digital=digital, published=_published(book, self._clock.now().date()), copies=copies)
        categories = frozenset(book.categories)
        return BookPage(
            name=f"pages/books/{book_id}",
            book=book,
            availability=BookPage.Availability.Value(f"AVAILABILITY_{can_be_had.value}"),
            stock=None if digital else stock,
            promotions=[p for p in promotions if takes_part(categories, frozenset(p.condition.categories))],
            degraded=degraded,
        )

    def _ask(self, question: Callable[[], T]) -> Callable[[], T]:
        return self._executor.submit(copy_context().run, question).result


def _unless_down(answer: Callable[[], T], service: str, degraded: list[str]) -> T | None:
    try:
        return answer()
    except ServiceError as error:
        _log.warning("left out", part=service, reason=error.reason)
        degraded.append(service)
        return None


def _published(book: Book, today: date) -> bool:
    published = book.publish_date
    if not published.year:
        return True
    return (published.year, published.month or 1, published.day or 1) <= (today.year, today.month, today.day)
