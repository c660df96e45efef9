"""Reading orders: one, a page of them, or one as it changes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from sqlalchemy import Connection, select

from chassis.call import remaining
from chassis.database import Database
from chassis.filtering import FilterField, enum_field, moment_field, name_field, parse_filter, parse_order_by
from chassis.kernel import Caller
from chassis.kernel.clock import monotonic
from chassis.paging import Page, PageRequest, paginate
from services.orders import storage
from services.orders.domain import WATCHED_TO_THE_END, Order, State, order_name
from services.orders.refusals import OrderNotFound
from services.orders.tables import ORDERS

_FIELDS: Final[Mapping[str, FilterField]] = {
    "state": enum_field(ORDERS.c.state, State, prefix="STATE_"),
    "create_time": moment_field(ORDERS.c.create_time),
}
_STAFF_FIELDS: Final[Mapping[str, FilterField]] = {
    **_FIELDS,
    "user": name_field(ORDERS.c.user_name, "users"),
}
_SORTABLE: Final = {"create_time": ORDERS.c.create_time}
_ALL: Final = select(*storage.ORDER_COLUMNS)
_LOOK_AGAIN_SECONDS: Final = 1.0
"""Another process may have changed the order; this one only hears of its own commits."""
_LAST_WORDS_SECONDS: Final = 0.5
"""Kept back from the deadline to send the last message."""


def visible(order: Order | None, order_id: str, caller: Caller) -> Order:
    """The order, when the caller owns it or is staff. Raises OrderNotFound."""
    if order is None or not (caller.is_staff or caller.owns(order.user)):
        raise OrderNotFound(order_name(order_id))
    return order


class Reading:
    """What the shop and its customers look at."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def order(self, order_id: str, caller: Caller) -> Order:
        """One order. Raises OrderNotFound."""
        found = self._database.read(lambda connection: storage.find_order(connection, order_id))
        return visible(found, order_id, caller)

    def page(self, page: PageRequest, *, filter_text: str, order_by: str, caller: Caller) -> Page[Order]:
        """A page of the caller's orders, of everyone's for staff. Raises FilterInvalid, PageTokenInvalid."""
        statement = _ALL if caller.is_staff else _ALL.where(ORDERS.c.user_name == caller.user)
        fields = _STAFF_FIELDS if caller.is_staff else _FIELDS
        statement = statement.where(*parse_filter(filter_text, fields))
        order = parse_order_by(order_by, _SORTABLE, default="create_time desc", key=ORDERS.c.id)

        def read_page(connection: Connection) -> Page[Order]:
            rows = paginate(connection, statement, order, page)
            orders = storage.orders_of(connection, rows.items)
            return Page(items=tuple(orders), next_page_token=rows.next_page_token)

        return self._database.read(read_page)


class Watching:
    """Tells of an order's changes as they are committed."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._committed = threading.Condition()
        self._commits = 0
        database.on_commit(self._note_commit)

    def watch(self, order_id: str, caller: Caller, *, is_wanted: Callable[[], bool]) -> Iterator[tuple[Order, bool]]:
        """The order now and after each change, and whether nothing follows; until `is_wanted` says no.

        Raises OrderNotFound, to everyone but the owner.
        """
        left = remaining()
        deadline = monotonic() + left - _LAST_WORDS_SECONDS if left is not None else float("inf")
        seen = self._commits
        order = self._read(order_id, caller)
        while order.state not in WATCHED_TO_THE_END and monotonic() < deadline:
            yield order, False
            version = order.version
            while order.version == version and monotonic() < deadline:
                seen = self._wait(seen, deadline)
                if not is_wanted():
                    return
                if self._version(order_id) != version:
                    order = self._read(order_id, caller)
        yield order, True

    def _read(self, order_id: str, caller: Caller) -> Order:
        order = self._database.read(lambda connection: storage.find_order(connection, order_id))
        if order is None or not caller.owns(order.user):
            raise OrderNotFound(order_name(order_id))
        return order

    def _version(self, order_id: str) -> int | None:
        return self._database.read(lambda connection: storage.find_version(connection, order_id))

    def _wait(self, seen: int, deadline: float) -> int:
        with self._committed:
            pause = min(_LOOK_AGAIN_SECONDS, max(0.0, deadline - monotonic()))
            self._committed.wait_for(lambda: self._commits != seen, pause)
            return self._commits

    def _note_commit(self) -> None:
        with self._committed:
            self._commits += 1
            self._committed.notify_all()
