"""The shop as a member of staff sees it through the edge's gRPC listener."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any, Final, TypeVar

import grpc
from bookstore.catalog.v1.catalog_service_pb2 import BatchGetBooksRequest, CreateBookRequest
from bookstore.catalog.v1.catalog_service_pb2_grpc import CatalogServiceStub
from bookstore.identity.v1.identity_service_pb2 import CreateUserRequest, ListUsersRequest
from bookstore.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from bookstore.identity.v1.user_pb2 import User
from bookstore.inventory.v1.inventory_service_pb2 import AdjustStockRequest, ListStocksRequest
from bookstore.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from bookstore.promotions.v1.promotion_pb2 import Promotion
from bookstore.promotions.v1.promotions_service_pb2 import CreatePromotionRequest, ListPromotionsRequest
from bookstore.promotions.v1.promotions_service_pb2_grpc import PromotionServiceStub

from chassis.errors import remote_error
from chassis.kernel import ErrorKind, ServiceError
from tools.console.seed.books import SeedBook
from tools.console.seed.customers import DemoCustomer

BATCH: Final = 100
"""Books that one BatchGetBooks takes at most."""
CHANNEL_OPTIONS: Final[Sequence[tuple[str, Any]]] = (
    # Every call here either reads or is keyed, so all of them may be repeated while a service comes up.
    (
        "grpc.service_config",
        json.dumps(
            {
                "methodConfig": [
                    {
                        "name": [{}],
                        "retryPolicy": {
                            "maxAttempts": 4,
                            "initialBackoff": "0.2s",
                            "maxBackoff": "2s",
                            "backoffMultiplier": 2,
                            "retryableStatusCodes": ["UNAVAILABLE"],
                        },
                    }
                ]
            }
        ),
    ),
)

_PAGE: Final = 200  # more than a list's cap is taken as the cap
_PATIENCE: Final = 15.0  # seconds a call may take, its repetitions included
_KEYS: Final = uuid.uuid5(uuid.NAMESPACE_DNS, "seed.bookstore.example")

_Request = TypeVar("_Request")
_Reply = TypeVar("_Reply")


class Shop:
    """Asks and fills the shop. Every method may raise ServiceError as the shop answered it, and is safe to repeat."""

    def __init__(self, channel: grpc.Channel, *, token: str) -> None:
        self._catalog = CatalogServiceStub(channel)
        self._inventory = InventoryServiceStub(channel)
        self._identity = IdentityServiceStub(channel)
        self._promotions = PromotionServiceStub(channel)
        self._metadata = (("authorization", f"Bearer {token}"),)

    def books_among(self, names: Sequence[str]) -> set[str]:
        """Those of at most BATCH names that are in the catalog."""
        request = BatchGetBooksRequest(names=names, allow_missing=True)
        return {book.name for book in self._ask(self._catalog.BatchGetBooks, request).books}

    def create_book(self, book: SeedBook) -> bool:
        """Adds a book. False: its id or ISBN is taken, as by a book that staff deleted."""
        request = CreateBookRequest(book=book.message, book_id=book.isbn13, request_id=_key(book.name))
        return self._create(self._catalog.CreateBook, request)

    def stocked_books(self) -> set[str]:
        """Names of all books that have a stock record, be it of no copies."""
        books: set[str] = set()
        request = ListStocksRequest(page_size=_PAGE)
        while True:
            reply = self._ask(self._inventory.ListStocks, request)
            books.update(stock.book for stock in reply.stocks)
            if not reply.next_page_token:
                return books
            request.page_token = reply.next_page_token

    def receive(self, book: SeedBook) -> None:
        """Puts the first copies of a book on the shelf, once."""
        name = f"stocks/{book.isbn13}"
        request = AdjustStockRequest(name=name, delta=book.stock, reason="RECEIVED", request_id=_key(name))
        self._ask(self._inventory.AdjustStock, request)

    def promotions(self) -> set[str]:
        """Names of all promotions, past and coming ones included."""
        names: set[str] = set()
        request = ListPromotionsRequest(page_size=_PAGE, show_all=True)
        while True:
            reply = self._ask(self._promotions.ListPromotions, request)
            names.update(promotion.name for promotion in reply.promotions)
            if not reply.next_page_token:
                return names
            request.page_token = reply.next_page_token

    def create_promotion(self, promotion: Promotion) -> bool:
        """Makes a promotion. False: its id or its coupon code is taken."""
        request = CreatePromotionRequest(
            promotion=promotion,
            promotion_id=promotion.name.removeprefix("promotions/"),
            request_id=_key(promotion.name),
        )
        return self._create(self._promotions.CreatePromotion, request)

    def has_account(self, customer: DemoCustomer) -> bool:
        """Whether somebody has an account under the customer's email address."""
        request = ListUsersRequest(page_size=1, filter=f'email = "{customer.email}"')
        return bool(self._ask(self._identity.ListUsers, request).users)

    def create_account(self, customer: DemoCustomer, password: str) -> bool:
        """Opens an account. False: the email address is taken."""
        user = User(display_name=customer.display_name, email=customer.email, password=password)
        # A new key each time: a later run may come with another password, which is another request.
        return self._create(self._identity.CreateUser, CreateUserRequest(user=user, request_id=str(uuid.uuid4())))

    def _create(self, method: grpc.UnaryUnaryMultiCallable[_Request, _Reply], request: _Request) -> bool:
        try:
            self._ask(method, request)
        except ServiceError as error:
            if error.kind is ErrorKind.ALREADY_EXISTS:
                return False
            raise
        return True

    def _ask(self, method: grpc.UnaryUnaryMultiCallable[_Request, _Reply], request: _Request) -> _Reply:
        try:
            return method(request, timeout=_PATIENCE, metadata=self._metadata)
        except grpc.RpcError as error:
            raise remote_error(error, "the edge") from error


def _key(name: str) -> str:
    """The request_id with which the seed makes the named resource, the same in every run."""
    return str(uuid.uuid5(_KEYS, name))
