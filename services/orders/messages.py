"""Between the orders of the contract and those of the domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bookstore.orders.v1 import order_pb2
from bookstore.orders.v1.orders_requests_pb2 import PlaceOrderRequest, RefundOrderRequest
from bookstore.promotions.v1.quote_pb2 import Quote
from google.type.postal_address_pb2 import PostalAddress

from chassis.errors import FieldInvalid
from chassis.idempotency import fingerprint
from chassis.kernel import CurrencyMismatch, CurrencyUnknown, Money, etag
from chassis.wire import money_from, money_message, timestamp
from services.orders.checkout import Wish
from services.orders.domain import Order, Shipment, State
from services.orders.lines import OrderLine

STATES: Final = {state: order_pb2.Order.State.Value(f"STATE_{state}") for state in State}
"""The states of the contract by those of the domain."""


def wish_of(request: PlaceOrderRequest, user: str) -> Wish:
    """What a buyer asks for. Raises CurrencyMismatch for an unknown currency, FieldInvalid for fractions of a cent."""
    address = request.shipping_address
    return Wish(
        user=user,
        cart=request.cart,
        payment_method=request.payment_method,
        shipping_address=address.SerializeToString() if request.HasField("shipping_address") else None,
        expected_total=_expected_total(request),
        request_id=request.request_id,
        fingerprint=fingerprint(request),
    )


def _expected_total(request: PlaceOrderRequest) -> Money:
    try:
        return money_from(request.expected_total, field="expected_total")
    except CurrencyUnknown as error:
        if error.field.endswith("currency_code"):  # no cart is priced in it
            given = request.expected_total.currency_code
            raise CurrencyMismatch(error.message, field=error.field, given=given) from error
        raise FieldInvalid([(error.field, error.message)]) from error


def quantities_of(request: RefundOrderRequest) -> Mapping[str, int]:
    """The copies to pay back by book. Raises FieldInvalid when a book is named twice."""
    quantities: dict[str, int] = {}
    for index, line in enumerate(request.lines):
        if line.book in quantities:
            raise FieldInvalid([(f"lines[{index}].book", "names a book that another line names")])
        quantities[line.book] = line.quantity
    return quantities


def order_message(order: Order) -> order_pb2.Order:
    """The order as the contract has it."""
    return order_pb2.Order(
        name=order.name,
        user=order.user,
        cart=order.cart,
        state=STATES[order.state],
        reject_reason=order.reject_reason if order.state is State.REJECTED else "",
        lines=[_line_message(line) for line in order.lines],
        quote=Quote.FromString(order.quote),
        payment=order.payment,
        shipping_address=_address_message(order.shipping_address),
        refunded_total=money_message(order.refunded),
        history=[
            order_pb2.OrderTransition(
                state=STATES[transition.state], change_time=timestamp(transition.time), reason=transition.reason
            )
            for transition in order.history
        ],
        shipment=_shipment_message(order.shipment),
        create_time=timestamp(order.create_time),
        update_time=timestamp(order.update_time),
        etag=etag(order.version),
    )


def _line_message(line: OrderLine) -> order_pb2.OrderLine:
    return order_pb2.OrderLine(
        book=line.book,
        title=line.title,
        digital=line.digital,
        quantity=line.quantity,
        unit_price=money_message(line.unit_price),
        discount=money_message(line.discount),
        total=money_message(line.total),
        refunded_quantity=line.refunded_quantity,
        refunded_amount=money_message(line.refunded_amount),
    )


def _address_message(address: bytes | None) -> PostalAddress | None:
    return None if address is None else PostalAddress.FromString(address)


def _shipment_message(shipment: Shipment | None) -> order_pb2.Shipment | None:
    if shipment is None:
        return None
    return order_pb2.Shipment(
        carrier=shipment.carrier,
        tracking_code=shipment.tracking_code,
        ship_time=timestamp(shipment.ship_time),
        deliver_time=timestamp(shipment.deliver_time) if shipment.deliver_time else None,
    )
