"""The front door of orders."""

from __future__ import annotations

import grpc
from bookstore.orders.v1 import order_pb2
from bookstore.orders.v1 import orders_requests_pb2 as contract
from bookstore.orders.v1.orders_service_pb2_grpc import OrderServiceServicer

from chassis.call import caller
from chassis.paging import page_request
from chassis.requests import id_in
from chassis.watches import Send, non_blocking
from services.orders.convert import order_message, place_order_command, quantities_of
from services.orders.order_lifecycle import OrderLifecycle
from services.orders.place_order import PlaceOrder
from services.orders.queries import OrderQueries
from services.orders.watch_order import WatchOrder


class OrdersApi(OrderServiceServicer):
    """Serves bookstore.orders.v1.OrderService."""

    def __init__(
        self, *, queries: OrderQueries, place_order: PlaceOrder, lifecycle: OrderLifecycle, watch_order: WatchOrder
    ) -> None:
        self._queries = queries
        self._place_order = place_order
        self._lifecycle = lifecycle
        self._watch_order = watch_order

    def PlaceOrder(self, request: contract.PlaceOrderRequest, context: grpc.ServicerContext) -> order_pb2.Order:
        """Orders everything in a cart."""
        return order_message(self._place_order.place(place_order_command(request, caller().user or "")))

    def GetOrder(self, request: contract.GetOrderRequest, context: grpc.ServicerContext) -> order_pb2.Order:
        """Returns an order."""
        return self._queries.order(id_in("orders", request.name), caller())

    def ListOrders(
        self, request: contract.ListOrdersRequest, context: grpc.ServicerContext
    ) -> contract.ListOrdersResponse:
        """Returns a page of orders."""
        page = self._queries.page(
            page_request(request), filter_text=request.filter, order_by=request.order_by, caller=caller()
        )
        return contract.ListOrdersResponse(orders=page.items, next_page_token=page.next_page_token)

    def CancelOrder(self, request: contract.CancelOrderRequest, context: grpc.ServicerContext) -> order_pb2.Order:
        """Cancels an order."""
        order_id = id_in("orders", request.name)
        return self._lifecycle.cancel(order_id, caller(), reason=request.reason, etag=request.etag)

    def RefundOrder(self, request: contract.RefundOrderRequest, context: grpc.ServicerContext) -> order_pb2.Order:
        """Refunds copies."""
        return self._lifecycle.refund(
            id_in("orders", request.name),
            quantities_of(request),
            restock=request.restock,
            reason=request.reason,
            etag=request.etag,
        )

    def ShipOrder(self, request: contract.ShipOrderRequest, context: grpc.ServicerContext) -> order_pb2.Order:
        """Records that the parcel left the warehouse."""
        return self._lifecycle.ship(
            id_in("orders", request.name),
            carrier=request.carrier,
            tracking_code=request.tracking_code,
            etag=request.etag,
        )

    def DeliverOrder(self, request: contract.DeliverOrderRequest, context: grpc.ServicerContext) -> order_pb2.Order:
        """Records that the parcel arrived."""
        return self._lifecycle.deliver(id_in("orders", request.name), etag=request.etag)

    @non_blocking
    def WatchOrder(self, request: contract.WatchOrderRequest, context: grpc.ServicerContext, send: Send) -> None:
        """Sends the order now and after each change."""
        self._watch_order.open(id_in("orders", request.name), caller(), context, send)
