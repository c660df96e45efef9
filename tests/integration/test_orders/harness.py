"""Orders as a process of its own without a server around it, so that it can die at any point and be started again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import create_autospec
from uuid import NAMESPACE_URL, uuid5

import grpc
from bookstore.orders.v1 import orders_events_pb2 as events
from bookstore.orders.v1.order_pb2 import Order
from bookstore.orders.v1.orders_requests_pb2 import (
    CancelOrderRequest,
    PlaceOrderRequest,
    RefundOrderRequest,
    ShipOrderRequest,
)
from google.type.postal_address_pb2 import PostalAddress
from sqlalchemy import select

from chassis.call import Call, serving
from chassis.kernel import Caller, SystemIds
from chassis.kernel.clock import monotonic
from chassis.schema import OUTBOX
from chassis.service import Runtime
from chassis.settings import ChassisSettings, TraceExport
from chassis.testing import FakeClock, Served, migrated_database
from chassis.testing_broker import FakeBroker
from services.orders import store
from services.orders.app import assemble
from services.orders.order import Order as StoredOrder
from services.orders.order import Work
from services.orders.store import ORDERS
from tests.integration.test_orders.fakes import Crash, Shop
from tests.money import euros

ADDRESS = PostalAddress(region_code="DE", address_lines=["Hauptstraße 1"], locality="Weimar", postal_code="99423")
BUYER = "users/ada"
CART = "carts/ada"
TOTAL = 2 * 999 + 1450 + 390
"""What the cart of the shop in conftest costs, in cents, with shipping."""
_SECONDS = 10.0
_CONTEXT: Any = create_autospec(grpc.ServicerContext, instance=True)


def request_id(number: int = 1) -> str:
    """A UUID."""
    return str(uuid5(NAMESPACE_URL, str(number)))


def wish(total: int, *, method: str = "pm_ok", number: int | None = 1, **fields: Any) -> PlaceOrderRequest:
    """A request to order the caller's cart for `total` cents."""
    given: dict[str, Any] = {
        "cart": "carts/me",
        "payment_method": method,
        "shipping_address": ADDRESS,
        "expected_total": euros(total),
        "request_id": "" if number is None else request_id(number),
    }
    return PlaceOrderRequest(**{**given, **fields})


class Process:
    """One life of the orders process."""

    def __init__(self, folder: Path, shop: Shop, clock: FakeClock, database_url: str) -> None:
        self.clock = clock
        settings = ChassisSettings(data_dir=folder, traces=TraceExport.OFF, database_url=database_url)
        self.runtime = Runtime(
            "orders", chassis=settings, clock=clock, ids=SystemIds(), connect=FakeBroker, credentials=None
        )
        service = assemble(self.runtime, shop.remotes)
        self.api: Any = service.servicers[0].implementation
        self._work = service.workers[0].run

    def place(self, request: PlaceOrderRequest) -> Order:
        """PlaceOrder as the buyer."""
        with _acting(BUYER):
            answer: Order = self.api.PlaceOrder(request, _CONTEXT)
            return answer

    def cancel(self, name: str) -> Order:
        """CancelOrder as the buyer."""
        with _acting(BUYER):
            answer: Order = self.api.CancelOrder(CancelOrderRequest(name=name), _CONTEXT)
            return answer

    def refund(self, request: RefundOrderRequest) -> Order:
        """RefundOrder as staff."""
        with _acting("users/staff", "staff"):
            answer: Order = self.api.RefundOrder(request, _CONTEXT)
            return answer

    def ship(self, name: str) -> Order:
        """ShipOrder as staff."""
        with _acting("users/staff", "staff"):
            request = ShipOrderRequest(name=name, carrier="dhl", tracking_code="1")
            answer: Order = self.api.ShipOrder(request, _CONTEXT)
            return answer

    def work(self) -> None:
        """What the worker does now."""
        self._work()

    def unfinished(self) -> list[str]:
        """Ids of the orders that something is left to do for."""
        statement = select(ORDERS.c.id).where(ORDERS.c.work != Work.NONE)
        return list(self.runtime.database.read(lambda connection: connection.execute(statement).scalars().all()))

    def orders(self) -> list[str]:
        """Ids of all orders."""
        statement = select(ORDERS.c.id)
        return list(self.runtime.database.read(lambda connection: connection.execute(statement).scalars().all()))

    def stored(self, order_id: str) -> StoredOrder:
        """The order as it is in the database."""
        order = self.runtime.database.read(lambda connection: store.find_order(connection, order_id))
        assert order is not None
        return order

    def events(self) -> list[str]:
        """Names of the events that were written, in order."""
        statement = select(OUTBOX.c.subject).order_by(OUTBOX.c.id)
        subjects = self.runtime.database.read(lambda connection: connection.execute(statement).scalars().all())
        return [subject.rpartition(".")[2] for subject in subjects]

    def close(self) -> None:
        """The end of this life."""
        self.runtime.close()


class Machine:
    """Runs the process, starts it again when it dies, and lets time pass."""

    def __init__(self, folder: Path, shop: Shop, *, database_url: str = "") -> None:
        self._folder = folder
        self._database_url = database_url or migrated_database("orders", folder / "db")
        self.shop = shop
        self.clock = FakeClock()
        self.process = self.another()
        self.crashes = 0

    @contextmanager
    def mortal(self) -> Iterator[None]:
        """Within it the process may die; then another one is started."""
        try:
            yield
        except Crash:
            self.crashes += 1
            self.process.close()
            self.process = self.another()

    def another(self) -> Process:
        """One more process on the same database."""
        return Process(self._folder, self.shop, self.clock, self._database_url)

    def finish(self) -> None:
        """Lets the worker run, time pass and the process be started again until nothing is left to do."""
        for _ in range(40):
            with self.mortal():
                if not self.process.unfinished():
                    return
                self.clock.advance(timedelta(seconds=31))
                self.process.work()
        raise AssertionError(f"unfinished after 20 minutes: {self.process.unfinished()}")

    def close(self) -> None:
        """Stops the process."""
        self.process.close()


@contextmanager
def _acting(user: str, *roles: str) -> Iterator[None]:
    with serving(Call(caller=Caller(user=user, roles=frozenset(roles)), deadline=monotonic() + _SECONDS)):
        yield


def published(served: Served) -> list[Any]:
    """The events that were written, in order."""
    statement = select(OUTBOX.c.subject, OUTBOX.c.payload).order_by(OUTBOX.c.id)
    rows = served.runtime.database.read(lambda connection: connection.execute(statement).all())
    return [getattr(events, row.subject.rpartition(".")[2]).FromString(row.payload) for row in rows]
