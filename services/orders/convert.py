"""Between the orders of the contract and those of the domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bookstore.orders.v1 import order_pb2
from bookstore.orders.v1.orders_errors import CurrencyMismatch
from bookstore.orders.v1.orders_requests_pb2 import PlaceOrderRequest, RefundOrderRequest
from bookstore.promotions.v1.quote_pb2 import Quote
from google.type.postal_address_pb2 import PostalAddress

from chassis.database import Columns, RowCodec
from chassis.errors import FieldInvalid
from chassis.idempotency import fingerprint
from chassis.kernel import Money, etag
from chassis.v1.platform_errors import CurrencyUnknown
from chassis.wire import money_from, money_message, money_of, timestamp
from services.orders.commands import PlaceOrderCommand
from services.orders.order import Order, State, Transition, order_name, payment_name
from services.orders.order_lines import OrderLine
from services.orders.store import ORDERS, history_of, lines_of, order_row, shipment_of

STATES: Final[Mapping[str, Any]] = {state: order_pb2.Order.State.Value(f"STATE_{state}") for state in State}
"""The states of the contract by those of the domain."""


def place_order_command(request: PlaceOrderRequest, user: str) -> PlaceOrderCommand:
    """Returns the command in a request.

    Raises CurrencyMismatch for an unknown currency, FieldInvalid for fractions of a cent.
    """
    address = request.shipping_address
    return PlaceOrderCommand(
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
            raise CurrencyMismatch(given=given) from error
        raise FieldInvalid([(error.field, error.message)]) from error


def quantities_of(request: RefundOrderRequest) -> Mapping[str, int]:
    """The copies to refund by book, none for all that are left. Raises FieldInvalid when a book is named twice and when
    lines are named although everything is to be refunded.
    """
    if request.everything and request.lines:
        raise FieldInvalid([("everything", "cannot be true together with lines")])
    quantities: dict[str, int] = {}
    for index, line in enumerate(request.lines):
        if line.book in quantities:
            raise FieldInvalid([(f"lines[{index}].book", "names a book that another line names")])
        quantities[line.book] = line.quantity
    return quantities


def order_message(order: Order) -> order_pb2.Order:
    """Returns the order as the contract has it."""
    return ORDER.of(order_row(order))


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


def _transition_message(transition: Transition) -> order_pb2.OrderTransition:
    return order_pb2.OrderTransition(
        state=STATES[transition.state], change_time=timestamp(transition.time), reason=transition.reason
    )


def _shipment_message(*columns: Any) -> order_pb2.Shipment | None:
    shipment = shipment_of(*columns)
    if shipment is None:
        return None
    return order_pb2.Shipment(
        carrier=shipment.carrier,
        tracking_code=shipment.tracking_code,
        ship_time=timestamp(shipment.ship_time),
        deliver_time=timestamp(shipment.deliver_time) if shipment.deliver_time else None,
    )


ORDER: Final = RowCodec(
    order_pb2.Order,
    ORDERS,
    name=Columns("id", read=order_name),
    user=Columns("user_name", read=str),
    state=Columns("state", read=STATES.__getitem__),
    reject_reason=Columns(
        "reject_reason", "state", read=lambda reason, state: reason if state == State.REJECTED else ""
    ),
    lines=Columns(
        "lines", "currency", read=lambda rows, currency: [_line_message(line) for line in lines_of(rows, currency)]
    ),
    quote=Columns("quote", read=Quote.FromString),
    payment=Columns("id", "total_minor", "reached", read=payment_name),
    shipping_address=Columns(
        "shipping_address", read=lambda address: None if address is None else PostalAddress.FromString(address)
    ),
    refunded_total=Columns("refunded_minor", "currency", read=money_of),
    history=Columns("history", read=lambda rows: [_transition_message(made) for made in history_of(rows)]),
    shipment=Columns("ship_time", "deliver_time", "carrier", "tracking_code", read=_shipment_message),
    etag=Columns("version", read=etag),
)
"""Makes the contract's order of a row."""
