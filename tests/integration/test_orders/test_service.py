"""Orders through the front door: reading, changing and watching them; who may, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import grpc
from bookstore.orders.v1.order_pb2 import Order
from bookstore.orders.v1.orders_requests_pb2 import (
    CancelOrderRequest,
    DeliverOrderRequest,
    GetOrderRequest,
    ListOrdersRequest,
    RefundOrderRequest,
    ShipOrderRequest,
    WatchOrderRequest,
    WatchOrderResponse,
)
from bookstore.orders.v1.orders_service_pb2_grpc import OrderServiceStub

from chassis.testing import FakeClock, Served, refused
from tests.integration.test_orders.fakes import Shop
from tests.integration.test_orders.harness import TOTAL, published, request_id, wish
from tests.limits import HANG_SECONDS
from tests.money import euros

Code = grpc.StatusCode


# Reading --------------------------------------------------------------------------------------------------------------


def test_who_sees_an_order(
    buyer: OrderServiceStub, stranger: OrderServiceStub, staff: OrderServiceStub, anyone: OrderServiceStub
) -> None:
    order = buyer.PlaceOrder(wish(TOTAL))
    assert staff.GetOrder(GetOrderRequest(name=order.name)) == order
    with refused(Code.NOT_FOUND, "ORDER_NOT_FOUND") as refusal:
        stranger.GetOrder(GetOrderRequest(name=order.name))
    assert refusal.metadata == {"order": order.name}
    with refused(Code.NOT_FOUND, "ORDER_NOT_FOUND"):
        staff.GetOrder(GetOrderRequest(name="orders/none"))
    with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
        anyone.GetOrder(GetOrderRequest(name=order.name))


def test_lists_hold_what_the_caller_may_see(
    buyer: OrderServiceStub, stranger: OrderServiceStub, staff: OrderServiceStub, clock: FakeClock
) -> None:
    names = []
    for number in range(3):
        names.append(buyer.PlaceOrder(wish(TOTAL, number=number)).name)
        clock.advance(timedelta(seconds=1))
    theirs = stranger.PlaceOrder(wish(1840)).name
    walked: list[str] = []
    request = ListOrdersRequest(page_size=2)
    while True:
        page = buyer.ListOrders(request)
        walked += [order.name for order in page.orders]
        request.page_token = page.next_page_token
        if not request.page_token:
            break
    assert walked == names[::-1]
    assert [order.name for order in stranger.ListOrders(ListOrdersRequest()).orders] == [theirs]
    everything = staff.ListOrders(ListOrdersRequest(order_by="create_time")).orders
    assert [order.name for order in everything] == [*names, theirs]
    of_one = staff.ListOrders(ListOrdersRequest(filter='user = "users/bob" AND state = STATE_CONFIRMED')).orders
    assert [order.name for order in of_one] == [theirs]
    late = buyer.ListOrders(ListOrdersRequest(filter='create_time > "2026-01-02T03:04:05Z" AND state = CONFIRMED'))
    assert [order.name for order in late.orders] == names[:0:-1]
    with refused(Code.INVALID_ARGUMENT, "FILTER_INVALID"):
        buyer.ListOrders(ListOrdersRequest(filter='user = "users/bob"'))
    with refused(Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"):
        buyer.ListOrders(ListOrdersRequest(page_token="x"))


# Changing -------------------------------------------------------------------------------------------------------------


def test_cancelling_gives_everything_back(buyer: OrderServiceStub, served: Served, shop: Shop) -> None:
    order = buyer.PlaceOrder(wish(TOTAL))
    request = CancelOrderRequest(name=order.name, reason="changed my mind", request_id=request_id(9), etag=order.etag)
    cancelled = buyer.CancelOrder(request)
    assert cancelled.state == Order.STATE_CANCELLED
    assert cancelled.history[-1].reason == "changed my mind"
    assert buyer.CancelOrder(request) == cancelled
    assert buyer.CancelOrder(CancelOrderRequest(name=order.name)).state == Order.STATE_CANCELLED
    assert shop.net_charge(order.name.removeprefix("orders/")) == 0
    assert shop.sold() == {}
    assert buyer.GetOrder(GetOrderRequest(name=order.name)).refunded_total == euros(TOTAL)
    assert [type(event).__name__ for event in published(served)][2:] == ["OrderCancelled"]


def test_who_may_cancel_and_when(
    buyer: OrderServiceStub, stranger: OrderServiceStub, staff: OrderServiceStub, anyone: OrderServiceStub
) -> None:
    order = buyer.PlaceOrder(wish(TOTAL))
    with refused(Code.NOT_FOUND, "ORDER_NOT_FOUND"):
        stranger.CancelOrder(CancelOrderRequest(name=order.name))
    with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
        anyone.CancelOrder(CancelOrderRequest(name=order.name))
    with refused(Code.ABORTED, "ETAG_MISMATCH"):
        buyer.CancelOrder(CancelOrderRequest(name=order.name, etag='"1"'))
    assert staff.CancelOrder(CancelOrderRequest(name=order.name)).state == Order.STATE_CANCELLED
    rejected = buyer.PlaceOrder(wish(TOTAL, method="pm_declined", number=2))
    with refused(Code.FAILED_PRECONDITION, "ORDER_STATE_INVALID") as refusal:
        buyer.CancelOrder(CancelOrderRequest(name=rejected.name))
    assert refusal.metadata == {"order": rejected.name, "state": "REJECTED", "target": "CANCELLED"}


def test_refunds_by_the_copy_and_of_the_rest(
    buyer: OrderServiceStub, staff: OrderServiceStub, served: Served, shop: Shop
) -> None:
    order = buyer.PlaceOrder(wish(TOTAL))
    order_id = order.name.removeprefix("orders/")
    one = RefundOrderRequest(name=order.name, request_id=request_id(5), restock=True)
    one.lines.add(book="books/dune", quantity=1)
    after = staff.RefundOrder(one)
    assert (after.state, after.refunded_total) == (Order.STATE_CONFIRMED, euros(999))
    assert (after.lines[0].refunded_quantity, after.lines[0].refunded_amount) == (1, euros(999))
    assert staff.RefundOrder(one) == after
    assert shop.net_charge(order_id) == TOTAL - 999
    assert shop.sold() == {"books/dune": 1, "books/emma": 1}
    one.everything = True
    one.request_id = request_id(6)
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        staff.RefundOrder(one)
    assert refusal.fields == ["everything"]
    rest = staff.RefundOrder(RefundOrderRequest(name=order.name, everything=True, reason="lost parcel"))
    assert (rest.state, rest.refunded_total) == (Order.STATE_REFUNDED, euros(TOTAL))
    assert rest.history[-1].reason == "lost parcel"
    assert shop.net_charge(order_id) == 0
    assert shop.sold() == {"books/dune": 1, "books/emma": 1}  # nothing was to be restocked
    first, last = published(served)[2:]
    assert (first.amount, first.complete, last.amount, last.complete) == (euros(999), False, euros(TOTAL - 999), True)
    with refused(Code.FAILED_PRECONDITION, "ORDER_STATE_INVALID"):
        staff.RefundOrder(RefundOrderRequest(name=order.name))


def test_what_cannot_be_refunded(buyer: OrderServiceStub, staff: OrderServiceStub, shop: Shop) -> None:
    shop.faults.down.add("capture")
    order = buyer.PlaceOrder(wish(TOTAL))
    request = RefundOrderRequest(name=order.name)
    with refused(Code.FAILED_PRECONDITION, "PAYMENT_PENDING"):
        staff.RefundOrder(request)
    shop.faults.down.clear()
    order = buyer.PlaceOrder(wish(TOTAL, number=2))
    with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
        buyer.RefundOrder(RefundOrderRequest(name=order.name))
    with refused(Code.NOT_FOUND, "ORDER_NOT_FOUND"):
        staff.RefundOrder(RefundOrderRequest(name="orders/none"))
    request = RefundOrderRequest(name=order.name)
    request.lines.add(book="books/dune", quantity=3)
    with refused(Code.FAILED_PRECONDITION, "REFUND_EXCEEDS_ORDER") as refusal:
        staff.RefundOrder(request)
    assert refusal.metadata == {"book": "books/dune", "left": "2"}
    request.lines[0].book = "books/ulysses"
    with refused(Code.NOT_FOUND, "LINE_NOT_FOUND"):
        staff.RefundOrder(request)
    request.lines.add(book="books/ulysses", quantity=1)
    with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as refusal:
        staff.RefundOrder(request)
    assert refusal.fields == ["lines[1].book"]
    assert "refund" not in shop.faults.taken


def test_a_parcel_is_shipped_and_arrives(buyer: OrderServiceStub, staff: OrderServiceStub, served: Served) -> None:
    order = buyer.PlaceOrder(wish(TOTAL))
    with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
        buyer.ShipOrder(ShipOrderRequest(name=order.name))
    with refused(Code.FAILED_PRECONDITION, "ORDER_STATE_INVALID"):
        staff.DeliverOrder(DeliverOrderRequest(name=order.name))
    ship = ShipOrderRequest(name=order.name, carrier="DHL", tracking_code="X1")
    shipped = staff.ShipOrder(ship)
    assert (shipped.state, shipped.shipment.carrier, shipped.shipment.tracking_code) == (
        Order.STATE_SHIPPED,
        "DHL",
        "X1",
    )
    assert staff.ShipOrder(ship) == shipped
    with refused(Code.FAILED_PRECONDITION, "ORDER_STATE_INVALID"):
        buyer.CancelOrder(CancelOrderRequest(name=order.name))
    delivered = staff.DeliverOrder(DeliverOrderRequest(name=order.name))
    assert delivered.state == Order.STATE_DELIVERED
    assert delivered.shipment.HasField("deliver_time")
    assert staff.DeliverOrder(DeliverOrderRequest(name=order.name)) == delivered
    assert [type(event).__name__ for event in published(served)][2:] == ["OrderShipped", "OrderDelivered"]


# Watching -------------------------------------------------------------------------------------------------------------


def test_a_watcher_sees_each_change_to_the_end(buyer: OrderServiceStub, staff: OrderServiceStub) -> None:
    order = buyer.PlaceOrder(wish(TOTAL))
    stream: Iterator[WatchOrderResponse] = iter(
        buyer.WatchOrder(WatchOrderRequest(name=order.name), timeout=HANG_SECONDS)
    )
    now = next(stream)
    assert (now.order, now.last) == (order, False)
    staff.ShipOrder(ShipOrderRequest(name=order.name))
    now = next(stream)
    assert (now.order.state, now.last) == (Order.STATE_SHIPPED, False)
    staff.DeliverOrder(DeliverOrderRequest(name=order.name))
    now = next(stream)
    assert (now.order.state, now.last) == (Order.STATE_DELIVERED, True)
    assert list(stream) == []


def test_many_watch_and_the_shop_goes_on(buyer: OrderServiceStub, staff: OrderServiceStub) -> None:
    order = buyer.PlaceOrder(wish(TOTAL))
    streams: list[Iterator[WatchOrderResponse]] = [
        buyer.WatchOrder(WatchOrderRequest(name=order.name), timeout=HANG_SECONDS) for _ in range(10)
    ]
    assert [next(stream).order for stream in streams] == [order] * 10
    with refused(Code.RESOURCE_EXHAUSTED, "OVERLOADED"):
        next(buyer.WatchOrder(WatchOrderRequest(name=order.name)))
    assert buyer.GetOrder(GetOrderRequest(name=order.name)) == order
    staff.ShipOrder(ShipOrderRequest(name=order.name))
    assert {next(stream).order.state for stream in streams} == {Order.STATE_SHIPPED}


def test_watching_ends_in_time(buyer: OrderServiceStub) -> None:
    order = buyer.PlaceOrder(wish(TOTAL))
    messages = list(buyer.WatchOrder(WatchOrderRequest(name=order.name), timeout=1))
    assert [(message.order.state, message.last) for message in messages] == [
        (Order.STATE_CONFIRMED, False),
        (Order.STATE_CONFIRMED, True),
    ]


def test_who_may_watch(
    buyer: OrderServiceStub, stranger: OrderServiceStub, staff: OrderServiceStub, anyone: OrderServiceStub
) -> None:
    order = buyer.PlaceOrder(wish(TOTAL, method="pm_declined"))
    [only] = list(buyer.WatchOrder(WatchOrderRequest(name=order.name)))
    assert (only.order, only.last) == (order, True)
    for other in (stranger, staff):
        with refused(Code.NOT_FOUND, "ORDER_NOT_FOUND"):
            list(other.WatchOrder(WatchOrderRequest(name=order.name)))
    with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
        list(anyone.WatchOrder(WatchOrderRequest(name=order.name)))


def test_only_the_signed_in_place_and_list(anyone: OrderServiceStub) -> None:
    with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
        anyone.PlaceOrder(wish(TOTAL))
    with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
        anyone.ListOrders(ListOrdersRequest())
