"""The front door of orders."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import grpc
from bookstore.orders.v1 import order_pb2
from bookstore.orders.v1 import orders_requests_pb2 as contract
from bookstore.orders.v1.orders_service_pb2_grpc import OrderServiceServicer

from chassis.call import caller
from chassis.idempotency import Answers
from chassis.paging import page_request
from chassis.requests import id_in
from services.orders.checkout import Checkout
from services.orders.domain import Order
from services.orders.fulfilment import Fulfilment
from services.orders.messages import order_message, quantities_of, wish_of
from services.orders.reading import Reading, Watching
from services.orders.saga import Saga

Change = Callable[[Any], Order]
"""What a transaction does; a servicer hands the connection on and does not look at it."""


class OrdersApi(OrderServiceServicer):
    """Serves bookstore.orders.v1.OrderService."""

    def __init__(
        self,
        *,
        checkout: Checkout,
        fulfilment: Fulfilment,
        reading: Reading,
        watching: Watching,
        saga: Saga,
        answers: Answers,
    ) -> None:
        self._checkout = checkout
        self._fulfilment = fulfilment
        self._reading = reading
        self._watching = watching
        self._saga = saga
        self._answers = answers

    def PlaceOrder(self, request: contract.PlaceOrderRequest, context: grpc.ServicerContext) -> order_pb2.Order:
        """Orders everything in a cart."""
        return order_message(self._checkout.place(wish_of(request, caller().user or "")))

    def GetOrder(self, request: contract.GetOrderRequest, context: grpc.ServicerContext) -> order_pb2.Order:
        """One order."""
        return order_message(self._reading.order(id_in("orders", request.name), caller()))

    def ListOrders(
        self, request: contract.ListOrdersRequest, context: grpc.ServicerContext
    ) -> contract.ListOrdersResponse:
        """A page of orders."""
        page = self._reading.page(
            page_request(request), filter_text=request.filter, order_by=request.order_by, caller=caller()
        )
        orders = [order_message(order) for order in page.items]
        return contract.ListOrdersResponse(orders=orders, next_page_token=page.next_page_token)

    def CancelOrder(self, request: contract.CancelOrderRequest, context: grpc.ServicerContext) -> order_pb2.Order:
        """Calls an order off."""
        order_id, who = id_in("orders", request.name), caller()
        answer = self._answer(
            lambda tx: self._fulfilment.cancel(tx, order_id, who, reason=request.reason, etag=request.etag)
        )
        self._saga.resume(order_id)
        return answer

    def RefundOrder(self, request: contract.RefundOrderRequest, context: grpc.ServicerContext) -> order_pb2.Order:
        """Pays copies back."""
        order_id, quantities = id_in("orders", request.name), quantities_of(request)
        answer = self._answer(
            lambda tx: self._fulfilment.refund(
                tx, order_id, quantities, restock=request.restock, reason=request.reason, etag=request.etag
            )
        )
        self._saga.resume(order_id)
        return answer

    def ShipOrder(self, request: contract.ShipOrderRequest, context: grpc.ServicerContext) -> order_pb2.Order:
        """Notes that the parcel left the house."""
        order_id, carrier, code = id_in("orders", request.name), request.carrier, request.tracking_code
        return self._answer(
            lambda tx: self._fulfilment.ship(tx, order_id, carrier=carrier, tracking_code=code, etag=request.etag)
        )

    def DeliverOrder(self, request: contract.DeliverOrderRequest, context: grpc.ServicerContext) -> order_pb2.Order:
        """Notes that the parcel arrived."""
        order_id = id_in("orders", request.name)
        return self._answer(lambda tx: self._fulfilment.deliver(tx, order_id, etag=request.etag))

    def WatchOrder(
        self, request: contract.WatchOrderRequest, context: grpc.ServicerContext
    ) -> Iterator[contract.WatchOrderResponse]:
        """The order as it changes."""
        changes = self._watching.watch(id_in("orders", request.name), caller(), is_wanted=context.is_active)
        for order, last in changes:
            yield contract.WatchOrderResponse(order=order_message(order), last=last)

    def _answer(self, change: Change) -> order_pb2.Order:
        return self._answers.transact(lambda tx: order_message(change(tx)))
