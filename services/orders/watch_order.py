"""Watching an order: its owner is told of each change as it is committed."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import grpc
from bookstore.orders.v1.orders_errors import OrderNotFound
from bookstore.orders.v1.orders_requests_pb2 import WatchOrderResponse

from chassis.database import Database
from chassis.kernel import Caller
from chassis.watches import Send, Update, Watches
from services.orders import store
from services.orders.convert import order_message
from services.orders.order import WATCHED_TO_THE_END, Order, order_name


class WatchOrder:
    """The watches of orders."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.watches = Watches(self)
        database.on_commit(self.watches.wake)

    def open(self, order_id: str, caller: Caller, context: grpc.ServicerContext, send: Send) -> None:
        """Opens a watch of the caller's order. Raises OrderNotFound, to everyone but the owner, and Overloaded."""
        order = self._find(order_id)
        if order is None or not caller.owns(order.user):
            raise OrderNotFound(order=order_name(order_id))
        self.watches.open(order_id, update_of(order), owner=order.user, context=context, send=send)

    def versions(self, names: Collection[str]) -> Mapping[str, int]:
        """Returns the current version of each order by id."""
        return self._database.read(lambda connection: store.find_versions(connection, names))

    def update(self, name: str) -> Update:
        """Returns the order with this id as it is. Raises OrderNotFound."""
        order = self._find(name)
        if order is None:
            raise OrderNotFound(order=order_name(name))
        return update_of(order)

    def _find(self, order_id: str) -> Order | None:
        return self._database.read(lambda connection: store.find_order(connection, order_id))


def update_of(order: Order) -> Update:
    """The messages that tell of an order."""
    message = order_message(order)
    return Update(
        version=order.version,
        message=WatchOrderResponse(order=message).SerializeToString(),
        last_message=WatchOrderResponse(order=message, last=True).SerializeToString(),
        final=order.state in WATCHED_TO_THE_END,
    )
