"""One run of the seed: sees what is missing, then adds it, several calls at a time."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import grpc
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from chassis.kernel import Ids, ServiceError, SystemIds
from tools.console.errors import Refused
from tools.console.seed.books import SeedBook, load_books
from tools.console.seed.customers import CUSTOMERS, DemoCustomer, PasswordFile
from tools.console.seed.promotions import PROMOTIONS
from tools.console.seed.shop import BATCH, CHANNEL_OPTIONS, Shop

CUSTOMERS_FILE: Final = "demo-customers"
"""Name of the file in the data folder with the demo customers' email addresses and passwords."""

_WORKERS: Final = 8  # calls under way at once: the services commit those that arrive together as one
_CONNECT_SECONDS: Final = 5.0
_PASSWORD_BITS: Final = 96


class SeedFailed(Refused):
    """The shop refused or lost a call; the message says why. What was added stays, and a further run goes on."""


class EdgeUnreachable(SeedFailed):
    """Nothing answers at the target."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeedReport:
    """What a run did. A run that finds everything in place has only `books_present`."""

    books_created: int
    books_present: int
    """Books of the seed that were there already, or whose id or ISBN is taken."""
    stocks_received: int
    customers_created: int
    promotions_created: int

    def __str__(self) -> str:
        return (
            f"{self.books_created} books added, {self.books_present} were there; {self.stocks_received} stocks,"
            f" {self.promotions_created} promotions and {self.customers_created} demo customers added"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Missing:
    """What the shop does not have yet."""

    books: frozenset[str]
    stocks: frozenset[str]
    customers: tuple[DemoCustomer, ...]
    promotions: frozenset[str]


def seed(*, target: str, data_dir: Path, token: str) -> SeedReport:
    """Fills the shop behind `target` (`host:port` of the edge's gRPC listener, without TLS).

    `token` is an access token of a member of staff. Passwords of customers that it creates go to `demo-customers` in
    `data_dir`. Shows its progress on a terminal.

    Raises EdgeUnreachable when nothing answers and SeedFailed when the shop refuses a call.
    """
    with grpc.insecure_channel(target, options=CHANNEL_OPTIONS) as channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=_CONNECT_SECONDS)
        except grpc.FutureTimeoutError:
            raise EdgeUnreachable(
                f"nothing answers gRPC at {target}; start the shop with `bookstore up`, or set BOOKSTORE_GRPC_PORT to "
                f"the port it listens on"
            ) from None
        passwords = PasswordFile(data_dir / CUSTOMERS_FILE)
        pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="seed")
        try:
            return _Seeding(Shop(channel, token=token), pool, passwords, SystemIds()).run(load_books())
        except ServiceError as error:
            raise SeedFailed(f"the shop at {target} answered {error.reason}: {error.message}") from error
        finally:
            pool.shutdown(cancel_futures=True)


class _Seeding:
    def __init__(self, shop: Shop, pool: ThreadPoolExecutor, passwords: PasswordFile, ids: Ids) -> None:
        self._shop = shop
        self._pool = pool
        self._passwords = passwords
        self._ids = ids

    def run(self, books: Sequence[SeedBook]) -> SeedReport:
        missing = self._look(books)
        shelving = [book for book in books if book.name in missing.books or book.name in missing.stocks]
        promotions = [promotion for promotion in PROMOTIONS if promotion.name in missing.promotions]
        opened = self._pool.submit(self._open_accounts, missing.customers)
        shelved = [self._pool.submit(self._shelve, book, missing) for book in shelving]
        made = [self._pool.submit(self._shop.create_promotion, promotion) for promotion in promotions]
        _follow([opened, *shelved, *made])
        results = [future.result() for future in shelved]
        created = sum(is_new for is_new, _ in results)
        return SeedReport(
            books_created=created,
            books_present=len(books) - created,
            stocks_received=sum(is_received for _, is_received in results),
            customers_created=opened.result(),
            promotions_created=sum(future.result() for future in made),
        )

    def _look(self, books: Sequence[SeedBook]) -> _Missing:
        names = [book.name for book in books]
        stocked = self._pool.submit(self._shop.stocked_books)
        promotions = self._pool.submit(self._shop.promotions)
        accounts = self._pool.map(self._shop.has_account, CUSTOMERS)
        batches = [names[start : start + BATCH] for start in range(0, len(names), BATCH)]
        present = set[str]().union(*self._pool.map(self._shop.books_among, batches))
        return _Missing(
            books=frozenset(names) - present,
            stocks=frozenset(book.name for book in books if book.stock) - stocked.result(),
            customers=tuple(customer for customer, known in zip(CUSTOMERS, accounts, strict=True) if not known),
            promotions=frozenset(promotion.name for promotion in PROMOTIONS) - promotions.result(),
        )

    def _shelve(self, book: SeedBook, missing: _Missing) -> tuple[bool, bool]:
        """Adds what a book lacks; answers whether the book and whether its stock is new."""
        is_new = book.name in missing.books and self._shop.create_book(book)
        if book.name in missing.books and not is_new:
            return False, False  # the id or the ISBN belongs to another book, or staff took this one out
        if book.name in missing.stocks:
            self._shop.receive(book)
            return is_new, True
        return is_new, False

    def _open_accounts(self, customers: Sequence[DemoCustomer]) -> int:
        """Opens the accounts and answers how many.

        Passwords are written down before they are used, and one that is written down is used again: a crash in between
        must not leave an account that nobody can open.
        """
        if not customers:
            return 0
        written = self._passwords.read()
        passwords = {customer.email: self._ids.secret(_PASSWORD_BITS) for customer in customers} | written
        self._passwords.write(passwords)
        opened = {customer: self._shop.create_account(customer, passwords[customer.email]) for customer in customers}
        useless = {customer.email for customer, is_new in opened.items() if not is_new} - written.keys()
        if useless:  # somebody else took the address meanwhile
            self._passwords.write({email: password for email, password in passwords.items() if email not in useless})
        return sum(opened.values())


def _follow(futures: Sequence[Future[Any]]) -> None:
    """Waits for all, and shows how many are done when there is a terminal. Raises the first failure at once."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("filling the shop", total=len(futures))
        for future in as_completed(futures):
            future.result()
            progress.advance(task)
