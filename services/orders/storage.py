"""Orders in SQL: reading and writing them whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, bindparam, insert, select, update

from chassis.database import AnyRow, insert_if_absent
from chassis.kernel import Money
from services.orders.domain import Order, Progress, Shipment, State, Step, Transition, Work
from services.orders.lines import OrderLine, UnitDiscount
from services.orders.tables import ORDER_TRANSITIONS, ORDERS
from services.orders.tables import metadata as metadata

_REQUEST: Final = frozenset({"request_id", "fingerprint"})
ORDER_COLUMNS: Final = tuple(column for column in ORDERS.c if column.name not in _REQUEST)
"""What makes an Order, together with its history."""

_BY_ID: Final = select(*ORDER_COLUMNS).where(ORDERS.c.id == bindparam("order_id"))
_BY_REQUEST: Final = select(ORDERS.c.id, ORDERS.c.fingerprint).where(
    ORDERS.c.user_name == bindparam("user"), ORDERS.c.request_id == bindparam("request_id")
)
_BY_CART: Final = select(ORDERS.c.id).where(
    ORDERS.c.cart == bindparam("cart"),
    ORDERS.c.cart_etag == bindparam("cart_etag"),
    ORDERS.c.state != State.REJECTED.value,
)
_HISTORIES: Final = (
    select(
        ORDER_TRANSITIONS.c.order_id,
        ORDER_TRANSITIONS.c.state,
        ORDER_TRANSITIONS.c.version,
        ORDER_TRANSITIONS.c.time,
        ORDER_TRANSITIONS.c.reason,
    )
    .where(ORDER_TRANSITIONS.c.order_id.in_(bindparam("order_ids", expanding=True)))
    .order_by(ORDER_TRANSITIONS.c.order_id, ORDER_TRANSITIONS.c.version)
)
_VERSION: Final = select(ORDERS.c.version).where(ORDERS.c.id == bindparam("order_id"))
_UPDATE: Final = update(ORDERS).where(ORDERS.c.id == bindparam("order_id"))


def add_order(tx: Connection, order: Order, *, request_id: str, fingerprint: str, cart_etag: str) -> bool:
    """Adds an order unless its user sent the request before or the cart, as it is, was ordered; says whether it did."""
    values = {
        **_values(order),
        "request_id": request_id or None,
        "fingerprint": fingerprint,
        "cart_etag": cart_etag or None,
    }
    if not insert_if_absent(tx, ORDERS, values):
        return False
    _insert_transitions(tx, order.id, order.history)
    return True


def save_order(tx: Connection, before: Order, after: Order) -> None:
    """Writes an order over its former self and adds what is new to its history."""
    tx.execute(_UPDATE, {"order_id": after.id, **_values(after)})
    _insert_transitions(tx, after.id, after.history[len(before.history) :])


def find_order(connection: Connection, order_id: str) -> Order | None:
    """The order with the id."""
    row = connection.execute(_BY_ID, {"order_id": order_id}).one_or_none()
    return None if row is None else orders_of(connection, [row])[0]


def find_request(connection: Connection, user: str, request_id: str) -> tuple[str, str] | None:
    """Id of the order a request of the user made, and the fingerprint of that request."""
    row = connection.execute(_BY_REQUEST, {"user": user, "request_id": request_id}).one_or_none()
    return None if row is None else (row.id, row.fingerprint)


def find_cart_order(connection: Connection, cart: str, cart_etag: str) -> str | None:
    """Id of the order, other than rejected ones, that was made of a cart as it was under that etag."""
    found: str | None = connection.execute(_BY_CART, {"cart": cart, "cart_etag": cart_etag}).scalar_one_or_none()
    return found


def find_version(connection: Connection, order_id: str) -> int | None:
    """The present version of an order; cheap."""
    version: int | None = connection.execute(_VERSION, {"order_id": order_id}).scalar_one_or_none()
    return version


def orders_of(connection: Connection, rows: Sequence[AnyRow]) -> list[Order]:
    """The orders in rows of ORDER_COLUMNS, with their histories."""
    if not rows:
        return []
    histories: dict[str, list[Transition]] = {row.id: [] for row in rows}
    for found in connection.execute(_HISTORIES, {"order_ids": list(histories)}):
        histories[found.order_id].append(
            Transition(state=State(found.state), version=found.version, time=found.time, reason=found.reason)
        )
    return [_order_of(row, tuple(histories[row.id])) for row in rows]


def _order_of(row: AnyRow, history: tuple[Transition, ...]) -> Order:
    currency = row.currency
    shipment = None
    if row.ship_time is not None:
        shipment = Shipment(
            carrier=row.carrier,
            tracking_code=row.tracking_code,
            ship_time=row.ship_time,
            deliver_time=row.deliver_time,
        )
    return Order(
        id=row.id,
        user=row.user_name,
        cart=row.cart,
        lines=tuple(_line_of(line, currency) for line in row.lines),
        coupons=tuple(row.coupons),
        total=Money(minor=row.total_minor, currency=currency),
        quote=row.quote,
        payment_method=row.payment_method,
        shipping_address=row.shipping_address,
        create_time=row.create_time,
        update_time=row.update_time,
        refunded=Money(minor=row.refunded_minor, currency=currency),
        history=history,
        progress=Progress(
            work=Work(row.work),
            fence=row.fence,
            due=row.due,
            attempts=row.attempts,
            reached=Step(row.reached) if row.reached else None,
        ),
        state=State(row.state),
        reject_reason=row.reject_reason,
        shipment=shipment,
        version=row.version,
    )


def _values(order: Order) -> dict[str, Any]:
    shipment, progress = order.shipment, order.progress
    return {
        "id": order.id,
        "version": order.version,
        "user_name": order.user,
        "cart": order.cart,
        "state": order.state,
        "reject_reason": order.reject_reason,
        "lines": [_line_values(line) for line in order.lines],
        "coupons": list(order.coupons),
        "currency": order.total.currency,
        "total_minor": order.total.minor,
        "refunded_minor": order.refunded.minor,
        "quote": order.quote,
        "payment_method": order.payment_method,
        "shipping_address": order.shipping_address,
        "carrier": shipment.carrier if shipment else "",
        "tracking_code": shipment.tracking_code if shipment else "",
        "ship_time": shipment.ship_time if shipment else None,
        "deliver_time": shipment.deliver_time if shipment else None,
        "create_time": order.create_time,
        "update_time": order.update_time,
        "work": progress.work,
        "fence": progress.fence,
        "due": progress.due,
        "attempts": progress.attempts,
        "reached": progress.reached,
    }


def _line_values(line: OrderLine) -> dict[str, Any]:
    return {
        "book": line.book,
        "title": line.title,
        "digital": line.digital,
        "quantity": line.quantity,
        "unit_price": line.unit_price.minor,
        "discounts": [[group.quantity, group.discount.minor] for group in line.unit_discounts],
        "refunded": line.refunded_quantity,
    }


def _line_of(values: Mapping[str, Any], currency: str) -> OrderLine:
    return OrderLine(
        book=values["book"],
        title=values["title"],
        digital=values["digital"],
        quantity=values["quantity"],
        unit_price=Money(minor=values["unit_price"], currency=currency),
        unit_discounts=tuple(
            UnitDiscount(quantity=quantity, discount=Money(minor=minor, currency=currency))
            for quantity, minor in values["discounts"]
        ),
        refunded_quantity=values["refunded"],
    )


def _insert_transitions(tx: Connection, order_id: str, transitions: Sequence[Transition]) -> None:
    if transitions:
        tx.execute(
            insert(ORDER_TRANSITIONS),
            [
                {
                    "order_id": order_id,
                    "version": transition.version,
                    "state": transition.state,
                    "time": transition.time,
                    "reason": transition.reason,
                }
                for transition in transitions
            ],
        )
