"""Requests that many tests make, and looks behind the front door."""

from __future__ import annotations

from uuid import uuid4

from bookstore.inventory.v1.inventory_service_pb2 import (
    AdjustStockRequest,
    CommitReservationRequest,
    GetStockRequest,
    ListStockMovementsRequest,
    ReleaseReservationRequest,
    ReserveStockRequest,
)
from bookstore.inventory.v1.inventory_service_pb2_grpc import InventoryServiceStub
from bookstore.inventory.v1.reservation_pb2 import Reservation, ReservationLine
from bookstore.inventory.v1.stock_pb2 import Stock, StockMovement
from google.protobuf import descriptor_pool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from sqlalchemy import select

from chassis.schema import OUTBOX
from chassis.testing import Served


def adjust(staff: InventoryServiceStub, book: str, delta: int, reason: str = "RECEIVED", **fields: str) -> Stock:
    return staff.AdjustStock(AdjustStockRequest(name=f"stocks/{book}", delta=delta, reason=reason, **fields))


def lines(**copies: int) -> list[ReservationLine]:
    return [ReservationLine(book=f"books/{book}", quantity=quantity) for book, quantity in copies.items()]


def reserve(orders: InventoryServiceStub, order: str, **copies: int) -> Reservation:
    return orders.ReserveStock(ReserveStockRequest(order=f"orders/{order}", lines=lines(**copies)))


def commit(orders: InventoryServiceStub, order: str) -> Reservation:
    return orders.CommitReservation(CommitReservationRequest(name=f"reservations/{order}"))


def release(orders: InventoryServiceStub, order: str, key: str = "", **copies: int) -> Reservation:
    name, request_id = f"reservations/{order}", key or str(uuid4())
    return orders.ReleaseReservation(ReleaseReservationRequest(name=name, lines=lines(**copies), request_id=request_id))


def counts(staff: InventoryServiceStub, book: str) -> tuple[int, int, int]:
    """available, on_hand and reserved of a book."""
    stock = staff.GetStock(GetStockRequest(name=f"stocks/{book}"))
    return stock.available, stock.on_hand, stock.reserved


def movements(staff: InventoryServiceStub, book: str, text: str = "") -> list[StockMovement]:
    """The ledger of a book, latest first."""
    answer = staff.ListStockMovements(ListStockMovementsRequest(parent=f"stocks/{book}", filter=text))
    return list(answer.movements)


def moved(staff: InventoryServiceStub, book: str) -> list[tuple[str, int, int]]:
    """Reason and deltas of each movement of a book, oldest first."""
    return [(one.reason, one.on_hand_delta, one.reserved_delta) for one in reversed(movements(staff, book))]


def events(inventory: Served) -> list[Message]:
    """What is in the outbox, oldest first."""
    statement = select(OUTBOX.c.subject, OUTBOX.c.payload).order_by(OUTBOX.c.id)
    rows = inventory.runtime.database.read(lambda connection: connection.execute(statement).all())
    pool = descriptor_pool.Default()
    return [GetMessageClass(pool.FindMessageTypeByName(row.subject)).FromString(row.payload) for row in rows]


def sweep(inventory: Served) -> None:
    """Runs the worker that ends overdue reservations, once."""
    (worker,) = inventory.service.workers
    worker.run()
