"""Reads of orders: one, or a page, from rows straight to messages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from bookstore.orders.v1 import order_pb2
from bookstore.orders.v1.orders_errors import OrderNotFound
from sqlalchemy import bindparam, select

from chassis.database import Database, Statement
from chassis.database.listing import Listing
from chassis.filtering import FilterField, enum_field, moment_field, name_field
from chassis.kernel import Caller
from chassis.paging import Page, PageRequest
from services.orders.convert import ORDER
from services.orders.order import State, order_name
from services.orders.store import ORDERS

_FIELDS: Final[Mapping[str, FilterField]] = {
    "state": enum_field(ORDERS.c.state, State, prefix="STATE_"),
    "create_time": moment_field(ORDERS.c.create_time),
}
_STAFF_FIELDS: Final[Mapping[str, FilterField]] = {**_FIELDS, "user": name_field(ORDERS.c.user_name, "users")}
_BY_ID: Final = Statement(select(*ORDER.columns).where(ORDERS.c.id == bindparam("order_id")), ORDER)


def _listing(filterable: Mapping[str, FilterField]) -> Listing[order_pb2.Order]:
    return Listing(
        ORDER,
        key=ORDERS.c.id,
        sortable={"create_time": ORDERS.c.create_time},
        default="create_time desc",
        filterable=filterable,
        conditions={"user": ORDERS.c.user_name == bindparam("user")},
    )


_OWN: Final = _listing(_FIELDS)
_ALL: Final = _listing(_STAFF_FIELDS)


class OrderQueries:
    """Reads orders."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def order(self, order_id: str, caller: Caller) -> order_pb2.Order:
        """Returns an order, to its owner and to staff. Raises OrderNotFound."""
        order = self._database.read(lambda connection: _BY_ID.first(connection, order_id=order_id))
        if order is None or not (caller.is_staff or caller.owns(order.user)):
            raise OrderNotFound(order=order_name(order_id))
        return order

    def page(self, page: PageRequest, *, filter_text: str, order_by: str, caller: Caller) -> Page[order_pb2.Order]:
        """Returns a page of the caller's orders, of everyone's to staff. Raises FilterInvalid, PageTokenInvalid."""
        listing, user = (_ALL, None) if caller.is_staff else (_OWN, caller.user or "")
        return self._database.read(
            lambda connection: listing.page(connection, page, filter_text=filter_text, order_by=order_by, user=user)
        )
