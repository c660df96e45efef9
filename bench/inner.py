"""What the inner parts of a call cost, in process on SQLite, without network or disk.

Prints the median of five rounds, which take turns, in microseconds of CPU time, and the machine.
Run it with `make bench-inner`.
"""

from __future__ import annotations

import os
import platform
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import structlog
from bookstore.catalog.v1 import book_pb2
from bookstore.catalog.v1.catalog_events_pb2 import BookUpdated
from bookstore.catalog.v1.catalog_service_pb2 import DESCRIPTOR, GetBookRequest, ListBooksRequest
from google.type.date_pb2 import Date
from google.type.money_pb2 import Money
from sqlalchemy import Connection

from chassis.call import Call, serving
from chassis.contract import method_of
from chassis.database import Database
from chassis.idempotency import IdempotencyStore
from chassis.interceptors import ServerContext, compose
from chassis.kernel import ANONYMOUS, SystemClock, SystemIds
from chassis.kernel import Money as Amount
from chassis.outbox import Outbox
from chassis.testing import TEST_TOKENS, migrated_database
from services.catalog.api import CatalogApi
from services.catalog.convert import edition_of
from services.catalog.edit_book import EditBook
from services.catalog.isbn import isbn13
from services.catalog.queries import BookQueries
from services.orders import store
from services.orders.order import Order, Progress, State, Transition
from services.orders.order_lines import OrderLine, UnitDiscount

ROUNDS = 5
BOOKS = 200
Case = Callable[[int], float]
"""Does its work so many times and returns the CPU seconds that it took."""


_METADATA: Final = (
    ("authorization", TEST_TOKENS.authorization("users/bench")),
    ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"),
    ("x-bookstore-service", "edge"),
    ("user-agent", "bench"),
    ("x-request-id", "bench"),
)
"""What the edge sends for a signed-in user whose trace is not sampled."""


class _Context:
    """Stands for the call: nothing is sent."""

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        return _METADATA

    def time_remaining(self) -> float:
        return 2.0

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda *_, **__: None


def _euros(cents: int) -> Amount:
    return Amount(minor=cents, currency="EUR")


def _timed(work: Callable[[], object], times: int) -> float:
    start = time.thread_time()
    for _ in range(times):
        work()
    return time.thread_time() - start


def _book(number: int) -> book_pb2.Book:
    body = f"978{number:09d}"
    check = -sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body)) % 10
    return book_pb2.Book(
        title=f"Title {number * 7919 % BOOKS:05d} of a usual length",
        subtitle="Or, a second line",
        isbn13=isbn13(f"{body}{check}"),
        contributors=[
            book_pb2.Contributor(display_name=name, role=book_pb2.Contributor.ROLE_AUTHOR)
            for name in ("Jane Austen", "Vivien Jones")
        ],
        format=book_pb2.Book.FORMAT_PAPERBACK,
        publisher="Penguin Classics",
        language_code="en",
        publish_date=Date(year=2003, month=1, day=30),
        page_count=480,
        categories=["Classics", "Romance"],
        series=book_pb2.Series(title="Penguin Classics", position=number),
        description="A description as publishers write it. " * 12,
        price=Money(currency_code="EUR", units=8, nanos=990_000_000),
    )


class _AllActive:
    def require_active(self, caller: object) -> None:
        """Accepts the caller."""


@contextmanager
def _catalog(folder: Path) -> Iterator[Mapping[str, Case]]:
    clock, ids = SystemClock(), SystemIds()
    database = Database(migrated_database("catalog", folder), name="bench")
    outbox = Outbox(clock, ids, source="//bookstore/catalog")
    edit_book = EditBook(
        answers=IdempotencyStore(database, clock), accounts=_AllActive(), clock=clock, ids=ids, outbox=outbox
    )
    for number in range(BOOKS):
        edit_book.create(edition_of(_book(number)), caller=ANONYMOUS, book_id=f"book-{number}")
    api, context = CatalogApi(queries=BookQueries(database), edit_book=edit_book), _Context()
    get, page = GetBookRequest(name="books/book-7"), ListBooksRequest(page_size=20, order_by="title")
    event = BookUpdated(book="books/book-7", version=2)

    def call(method: Callable[..., Any], request: object) -> Case:
        def run(times: int) -> float:
            with serving(Call(caller=ANONYMOUS)):
                return _timed(lambda: method(request, context), times)

        return run

    def append(times: int) -> float:
        def work(tx: Connection) -> float:
            return _timed(lambda: outbox.append(tx, event, aggregate="books/book-7", version=2), times)

        return database.transact(work)

    yield {
        "GetBook handler": call(api.GetBook, get),
        "page of 20 by title": call(api.ListBooks, page),
        "outbox.append": append,
    }
    database.close()


@contextmanager
def _orders(folder: Path) -> Iterator[Mapping[str, Case]]:
    clock = SystemClock()
    database = Database(migrated_database("orders", folder), name="bench")
    now, nothing = clock.now(), _euros(0)
    order = Order(
        id="1",
        user="users/1",
        cart="carts/1",
        lines=tuple(
            OrderLine(
                book=f"books/{number}",
                title="A title of usual length",
                unit_discounts=(UnitDiscount(quantity=2, discount=nothing),),
                digital=False,
                quantity=2,
                unit_price=_euros(899),
            )
            for number in range(3)
        ),
        coupons=(),
        total=_euros(6 * 899),
        quote=bytes(600),
        payment_method="pm_ok",
        shipping_address=bytes(80),
        create_time=now,
        update_time=now,
        refunded=nothing,
        history=(Transition(state=State.PENDING, version=1, time=now),),
        progress=Progress(due=now),
    )
    database.transact(lambda tx: store.add_order(tx, order, request_id="1", fingerprint="", cart_etag="1"))

    def progress(times: int) -> float:
        def work(tx: Connection) -> float:
            return _timed(lambda: store.save_progress(tx, order, order.postpone(now, None, now)), times)

        return database.transact(work)

    yield {"saga progress": progress}
    database.close()


def _interceptors() -> Case:
    """All interceptors around a handler that does nothing, less that handler."""
    service = DESCRIPTOR.services_by_name["CatalogService"]
    server = ServerContext(ids=SystemIds(), answers=None, mutual_tls=False, tokens=TEST_TOKENS.verifier(SystemClock()))
    book, request, context = _book(1), GetBookRequest(name="books/book-7"), _Context()

    def bare(*_: object) -> book_pb2.Book:
        return book

    composed: Any = compose(bare, method_of(service.methods_by_name["GetBook"]), server)
    return lambda times: (
        _timed(lambda: composed(request, context), times) - _timed(lambda: bare(request, context), times)
    )


def main() -> None:
    """Measures and prints."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        structlog.configure(
            processors=[structlog.processors.JSONRenderer()], logger_factory=structlog.WriteLoggerFactory(file=nowhere)
        )
        with (
            tempfile.TemporaryDirectory() as folder,
            _catalog(Path(folder)) as catalog,
            _orders(Path(folder)) as orders,
        ):
            cases: dict[str, Case] = {**catalog, **orders, "all interceptors": _interceptors()}
            counts = {name: max(50, min(5000, int(0.3 / (case(100) / 100)))) for name, case in cases.items()}
            rounds: dict[str, list[float]] = {name: [] for name in cases}
            for _ in range(ROUNDS):
                for name, case in cases.items():
                    rounds[name].append(case(counts[name]) / counts[name] * 1e6)
    python, sqlite = platform.python_version(), sqlite3.sqlite_version
    print(f"{platform.machine()}, {os.cpu_count()} cores, Python {python}, SQLite {sqlite}")
    print(f"\n| work | CPU us, median of {ROUNDS} rounds | least | most |\n|---|---:|---:|---:|")
    for name, measured in rounds.items():
        print(f"| {name} | {statistics.median(measured):.0f} | {min(measured):.0f} | {max(measured):.0f} |")


if __name__ == "__main__":
    main()
