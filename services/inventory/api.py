"""Inventory's front door."""

from __future__ import annotations

import grpc
from bookstore.inventory.v1 import inventory_service_pb2 as contract
from bookstore.inventory.v1 import reservation_pb2, stock_pb2
from bookstore.inventory.v1.inventory_service_pb2_grpc import InventoryServiceServicer

from chassis.call import caller
from chassis.idempotency import Answers
from chassis.paging import page_request
from chassis.requests import id_in
from services.inventory.adjusting import Adjusting
from services.inventory.messages import (
    adjustment_of,
    copies_of,
    movement_message,
    reservation_message,
    stock_message,
)
from services.inventory.reading import Reading, Wanted
from services.inventory.reserving import Reserving


class InventoryApi(InventoryServiceServicer):
    """Serves bookstore.inventory.v1.InventoryService."""

    def __init__(self, *, reading: Reading, adjusting: Adjusting, reserving: Reserving, answers: Answers) -> None:
        self._reading = reading
        self._adjusting = adjusting
        self._reserving = reserving
        self._answers = answers

    def GetStock(self, request: contract.GetStockRequest, context: grpc.ServicerContext) -> stock_pb2.Stock:
        """One stock."""
        return stock_message(self._reading.stock(id_in("stocks", request.name)), caller())

    def ListStocks(
        self, request: contract.ListStocksRequest, context: grpc.ServicerContext
    ) -> contract.ListStocksResponse:
        """A page of stocks."""
        wanted, reader = Wanted(filter=request.filter, order_by=request.order_by), caller()
        page = self._reading.stocks(wanted, page_request(request)).map(lambda stock: stock_message(stock, reader))
        return contract.ListStocksResponse(stocks=page.items, next_page_token=page.next_page_token)

    def AdjustStock(self, request: contract.AdjustStockRequest, context: grpc.ServicerContext) -> stock_pb2.Stock:
        """Adds copies or takes some off."""
        staff = caller()
        adjustment = adjustment_of(request, staff)
        self._adjusting.require_adjustable(adjustment.book_id)
        return self._answers.transact(lambda tx: stock_message(self._adjusting.adjust(tx, adjustment), staff))

    def ListStockMovements(
        self, request: contract.ListStockMovementsRequest, context: grpc.ServicerContext
    ) -> contract.ListStockMovementsResponse:
        """A page of a stock's ledger."""
        book_id = id_in("stocks", request.parent, field="parent")
        page = self._reading.movements(book_id, request.filter, page_request(request)).map(movement_message)
        return contract.ListStockMovementsResponse(movements=page.items, next_page_token=page.next_page_token)

    def ReserveStock(
        self, request: contract.ReserveStockRequest, context: grpc.ServicerContext
    ) -> reservation_pb2.Reservation:
        """Sets copies aside for an order."""
        order_id, copies = id_in("orders", request.order, field="order"), copies_of(request.lines)
        return self._answers.transact(lambda tx: reservation_message(self._reserving.reserve(tx, order_id, copies)))

    def CommitReservation(
        self, request: contract.CommitReservationRequest, context: grpc.ServicerContext
    ) -> reservation_pb2.Reservation:
        """Takes the copies out of the house."""
        order_id = id_in("reservations", request.name)
        return self._answers.transact(lambda tx: reservation_message(self._reserving.commit(tx, order_id)))

    def ReleaseReservation(
        self, request: contract.ReleaseReservationRequest, context: grpc.ServicerContext
    ) -> reservation_pb2.Reservation:
        """Gives copies back."""
        order_id, copies, key = id_in("reservations", request.name), copies_of(request.lines), request.request_id
        return self._answers.transact(
            lambda tx: reservation_message(self._reserving.release(tx, order_id, copies, request_id=key))
        )

    def GetReservation(
        self, request: contract.GetReservationRequest, context: grpc.ServicerContext
    ) -> reservation_pb2.Reservation:
        """One reservation."""
        return reservation_message(self._reading.reservation(id_in("reservations", request.name)))
