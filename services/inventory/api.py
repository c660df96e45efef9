"""Inventory's front door."""

from __future__ import annotations

import grpc
from bookstore.inventory.v1 import inventory_service_pb2 as contract
from bookstore.inventory.v1 import reservation_pb2, stock_pb2
from bookstore.inventory.v1.inventory_service_pb2_grpc import InventoryServiceServicer

from chassis.call import caller
from chassis.paging import page_request
from chassis.requests import id_in
from services.inventory.adjust_stock import AdjustStock
from services.inventory.convert import adjustment_of, copies_of
from services.inventory.queries import InventoryQueries, StockQuery
from services.inventory.reserve_stock import ReserveStock


class InventoryApi(InventoryServiceServicer):
    """Serves bookstore.inventory.v1.InventoryService."""

    def __init__(self, *, queries: InventoryQueries, adjust_stock: AdjustStock, reserve_stock: ReserveStock) -> None:
        self._queries = queries
        self._adjust_stock = adjust_stock
        self._reserve_stock = reserve_stock

    def GetStock(self, request: contract.GetStockRequest, context: grpc.ServicerContext) -> stock_pb2.Stock:
        """Returns a stock."""
        return self._queries.stock(id_in("stocks", request.name), caller())

    def ListStocks(
        self, request: contract.ListStocksRequest, context: grpc.ServicerContext
    ) -> contract.ListStocksResponse:
        """Returns a page of stocks."""
        query = StockQuery(filter=request.filter, order_by=request.order_by)
        page = self._queries.stocks(query, page_request(request), caller())
        return contract.ListStocksResponse(stocks=page.items, next_page_token=page.next_page_token)

    def AdjustStock(self, request: contract.AdjustStockRequest, context: grpc.ServicerContext) -> stock_pb2.Stock:
        """Adds copies or takes some off."""
        return self._adjust_stock.adjust(adjustment_of(request, caller()), caller())

    def ListStockMovements(
        self, request: contract.ListStockMovementsRequest, context: grpc.ServicerContext
    ) -> contract.ListStockMovementsResponse:
        """Returns a page of a stock's ledger."""
        book_id = id_in("stocks", request.parent, field="parent")
        page = self._queries.movements(book_id, request.filter, page_request(request))
        return contract.ListStockMovementsResponse(movements=page.items, next_page_token=page.next_page_token)

    def ReserveStock(
        self, request: contract.ReserveStockRequest, context: grpc.ServicerContext
    ) -> reservation_pb2.Reservation:
        """Reserves copies for an order."""
        return self._reserve_stock.reserve(id_in("orders", request.order, field="order"), copies_of(request.lines))

    def CommitReservation(
        self, request: contract.CommitReservationRequest, context: grpc.ServicerContext
    ) -> reservation_pb2.Reservation:
        """Takes the copies out of the warehouse."""
        return self._reserve_stock.commit(id_in("reservations", request.name))

    def ReleaseReservation(
        self, request: contract.ReleaseReservationRequest, context: grpc.ServicerContext
    ) -> reservation_pb2.Reservation:
        """Makes copies available again."""
        order_id = id_in("reservations", request.name)
        return self._reserve_stock.release(order_id, copies_of(request.lines), request_id=request.request_id)

    def GetReservation(
        self, request: contract.GetReservationRequest, context: grpc.ServicerContext
    ) -> reservation_pb2.Reservation:
        """Returns a reservation."""
        return self._queries.reservation(id_in("reservations", request.name))
