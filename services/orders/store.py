"""The tables of orders; orders in SQL.

An order is one row: its lines and its history are JSON, its price as accepted and its address are serialized messages
kept for reading only. The saga writes its progress apart from the rest. Refunds and the saga's steps are only added to.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    select,
    update,
)

from chassis.database import ByCodePoint, Columns, Instant, RowCodec, Statement, insert_if_absent
from chassis.database.columns import instant, microseconds
from chassis.kernel import Money
from chassis.schema import chassis_tables
from services.orders.order import Order, Progress, Shipment, State, Step, Transition, Work
from services.orders.order_lines import OrderLine, UnitDiscount

metadata = MetaData()
chassis_tables(metadata)

ORDERS: Final = Table(
    "orders",
    metadata,
    Column("id", ByCodePoint, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("user_name", ByCodePoint, nullable=False),
    Column("request_id", ByCodePoint),
    Column("fingerprint", Text, nullable=False),
    Column("cart", Text, nullable=False),
    Column("cart_etag", Text),  # of the cart as it was ordered
    Column("state", Text, nullable=False),
    Column("history", JSON, nullable=False),  # [[state, version, microseconds since 1970, reason], ...]
    Column("reject_reason", Text, nullable=False),
    Column("lines", JSON, nullable=False),  # [{book, title, digital, quantity, unit_price, discounts, refunded}, ...]
    Column("coupons", JSON, nullable=False),  # [code, ...], those to redeem
    Column("currency", Text, nullable=False),
    Column("total_minor", BigInteger, nullable=False),
    Column("refunded_minor", BigInteger, nullable=False),
    Column("quote", LargeBinary, nullable=False),
    Column("payment_method", Text, nullable=False),
    Column("shipping_address", LargeBinary),
    Column("carrier", Text, nullable=False),
    Column("tracking_code", Text, nullable=False),
    Column("ship_time", Instant),
    Column("deliver_time", Instant),
    Column("create_time", Instant, nullable=False),
    Column("update_time", Instant, nullable=False),
    Column("work", Text, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("due", Instant),  # when somebody may take it up; NULL: nothing is left to do
    Column("attempts", Integer, nullable=False),
    Column("reached", Text),
    PrimaryKeyConstraint("id", name="orders_pk"),
    UniqueConstraint("user_name", "request_id", name="orders_request"),
    Index("orders_user", "user_name", "create_time", "id"),
    Index("orders_create_time", "create_time", "id"),
)
_unfinished = ORDERS.c.due.is_not(None)
Index("orders_due", ORDERS.c.due, sqlite_where=_unfinished, postgresql_where=_unfinished)

_stands = ORDERS.c.state != State.REJECTED.value
Index("orders_cart", ORDERS.c.cart, ORDERS.c.cart_etag, unique=True, sqlite_where=_stands, postgresql_where=_stands)

ORDER_REFUNDS: Final = Table(
    "order_refunds",
    metadata,
    Column("order_id", ByCodePoint, nullable=False),
    Column("id", ByCodePoint, nullable=False),
    Column("copies", JSON, nullable=False),  # [{book, title, digital, quantity, unit_price, amount}, ...]
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("restock", Boolean, nullable=False),
    Column("complete", Boolean, nullable=False),
    Column("reason", Text, nullable=False),
    Column("time", Instant, nullable=False),
    Column("done", Boolean, nullable=False),
    PrimaryKeyConstraint("order_id", "id", name="order_refunds_pk"),
    ForeignKeyConstraint(["order_id"], ["orders.id"], name="order_refunds_order"),
)
SAGA_STEPS: Final = Table(
    "saga_steps",
    metadata,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("order_id", ByCodePoint, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("step", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("time", Instant, nullable=False),
    ForeignKeyConstraint(["order_id"], ["orders.id"], name="saga_steps_order"),
    Index("saga_steps_order_id", "order_id", "id"),
    sqlite_autoincrement=True,
)


def lines_of(rows: Iterable[dict[str, Any]], currency: str) -> tuple[OrderLine, ...]:
    """Returns the lines in the columns of an order."""
    return tuple(
        OrderLine(
            book=row["book"],
            title=row["title"],
            digital=row["digital"],
            quantity=row["quantity"],
            unit_price=Money(minor=row["unit_price"], currency=currency),
            unit_discounts=tuple(
                UnitDiscount(quantity=quantity, discount=Money(minor=minor, currency=currency))
                for quantity, minor in row["discounts"]
            ),
            refunded_quantity=row["refunded"],
        )
        for row in rows
    )


def _line_rows(lines: Iterable[OrderLine]) -> list[dict[str, Any]]:
    return [
        {
            "book": line.book,
            "title": line.title,
            "digital": line.digital,
            "quantity": line.quantity,
            "unit_price": line.unit_price.minor,
            "discounts": [[group.quantity, group.discount.minor] for group in line.unit_discounts],
            "refunded": line.refunded_quantity,
        }
        for line in lines
    ]


def history_of(rows: Iterable[Any]) -> tuple[Transition, ...]:
    """Returns the transitions in the column of an order."""
    return tuple(
        Transition(state=State(state), version=version, time=instant(time), reason=reason)
        for state, version, time, reason in rows
    )


def shipment_of(ship_time: Any, deliver_time: Any, carrier: str, tracking_code: str) -> Shipment | None:
    """Returns the shipment in the columns of an order."""
    if ship_time is None:
        return None
    return Shipment(carrier=carrier, tracking_code=tracking_code, ship_time=ship_time, deliver_time=deliver_time)


def _money(minor: int, currency: str) -> Money:
    return Money(minor=minor, currency=currency)


_PROGRESS: Final = RowCodec(
    Progress,
    ORDERS,
    work=Columns("work", read=Work),
    reached=Columns("reached", read=lambda step: Step(step) if step else None),
)
_ORDER: Final = RowCodec(
    Order,
    ORDERS,
    user=Columns("user_name", read=str),
    lines=Columns("lines", "currency", read=lines_of, write=lambda lines: (_line_rows(lines),)),
    coupons=Columns("coupons", read=tuple, write=list),
    total=Columns("total_minor", "currency", read=_money, write=lambda total: (total.minor, total.currency)),
    refunded=Columns("refunded_minor", "currency", read=_money, write=lambda refunded: (refunded.minor,)),
    history=Columns(
        "history",
        read=history_of,
        write=lambda history: [[made.state, made.version, microseconds(made.time), made.reason] for made in history],
    ),
    state=Columns("state", read=State),
    shipment=Columns(
        "ship_time",
        "deliver_time",
        "carrier",
        "tracking_code",
        read=shipment_of,
        write=lambda sent: (
            (sent.ship_time, sent.deliver_time, sent.carrier, sent.tracking_code) if sent else (None, None, "", "")
        ),
    ),
    progress=_PROGRESS,
)
_DECIDED: Final = ("state", "version", "update_time", "history", "reject_reason", "refunded_minor")
"""What the saga may decide beside its progress."""

_this = ORDERS.c.id == bindparam("order_id")
_held = (_this, ORDERS.c.fence == bindparam("held"))
_BY_ID: Final = Statement(select(*_ORDER.columns).where(_this), _ORDER)
_BY_REQUEST: Final = Statement(
    select(ORDERS.c.id, ORDERS.c.fingerprint).where(
        ORDERS.c.user_name == bindparam("user"), ORDERS.c.request_id == bindparam("request")
    )
)
_BY_CART: Final = Statement(
    select(ORDERS.c.id).where(ORDERS.c.cart == bindparam("of_cart"), ORDERS.c.cart_etag == bindparam("etag"), _stands),
    str,
)
_VERSIONS: Final = Statement(
    select(ORDERS.c.id, ORDERS.c.version).where(ORDERS.c.id.in_(bindparam("order_ids", expanding=True)))
)
_SAVE: Final = Statement(update(ORDERS).where(_this), keys=tuple(name for name in _ORDER.names if name != "id"))
_SAVE_PROGRESS: Final = Statement(update(ORDERS).where(*_held), keys=_PROGRESS.names)
_SAVE_DECISION: Final = Statement(
    update(ORDERS).where(*_held, ORDERS.c.version == bindparam("seen")), keys=(*_PROGRESS.names, *_DECIDED)
)


def order_row(order: Order) -> dict[str, Any]:
    """Returns the values of the columns that make an Order."""
    return _ORDER.values(order)


def add_order(tx: Connection, order: Order, *, request_id: str, fingerprint: str, cart_etag: str) -> bool:
    """Adds an order and returns True, unless its user sent the request before or the cart, as it is, was ordered."""
    request = {"request_id": request_id or None, "fingerprint": fingerprint, "cart_etag": cart_etag or None}
    return insert_if_absent(tx, ORDERS, {**order_row(order), **request})


def save_order(tx: Connection, order: Order) -> None:
    """Writes an order over its former self."""
    _SAVE.run(tx, order_id=order.id, **order_row(order))


def save_progress(tx: Connection, before: Order, after: Order) -> bool:
    """Writes what the saga decided; returns False, with nothing written, when the order is not as `before`.

    The fencing number has to be the one of `before`; when more than the progress changes, the version too.
    """
    progress = _PROGRESS.values(after.progress)
    if after.version == before.version and after.reject_reason == before.reject_reason:
        return _SAVE_PROGRESS.run(tx, order_id=before.id, held=before.progress.fence, **progress) == 1
    row = order_row(after)
    decided = {name: row[name] for name in _DECIDED}
    held = before.progress.fence
    return _SAVE_DECISION.run(tx, order_id=before.id, held=held, seen=before.version, **progress, **decided) == 1


def find_order(connection: Connection, order_id: str) -> Order | None:
    """Returns the order with the id."""
    return _BY_ID.first(connection, order_id=order_id)


def find_request(connection: Connection, user: str, request_id: str) -> tuple[str, str] | None:
    """Returns the id of the order that a request of the user made, and the fingerprint of that request."""
    return _BY_REQUEST.first(connection, user=user, request=request_id)


def find_cart_order(connection: Connection, cart: str, cart_etag: str) -> str | None:
    """Returns the id of the order, rejected ones aside, that was made of a cart as it was under that etag."""
    return _BY_CART.first(connection, of_cart=cart, etag=cart_etag)


def find_versions(connection: Connection, order_ids: Collection[str]) -> dict[str, int]:
    """Returns the present versions of orders by id."""
    return {row.id: row.version for row in _VERSIONS.all(connection, order_ids=list(order_ids))}
