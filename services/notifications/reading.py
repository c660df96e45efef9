"""Users read what the shop wrote to them."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement

from services.chassis.database import Database
from services.chassis.filtering import FilterField, parse_filter
from services.chassis.kernel import Caller, resource_id
from services.chassis.paging import Order, OrderKey, Page, PageRequest, paginate
from services.notifications import storage
from services.notifications.domain import Kind, Notification, State, UserNotFound
from services.notifications.storage import NOTIFICATIONS

_ME: Final = "users/me"
_LATEST_FIRST: Final[Order] = (
    OrderKey(column=NOTIFICATIONS.c.create_time, descending=True),
    OrderKey(column=NOTIFICATIONS.c.id, descending=True),
)


def _equal(column: ColumnElement[Any], convert: Callable[[str], str]) -> FilterField:
    return FilterField(column=column, convert=convert, operators=frozenset({"="}), has=lambda value: column == value)


def _one_of(names: type[StrEnum], prefix: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        name = text.upper().removeprefix(prefix)
        if name not in set(names):
            raise ValueError(f"one of {', '.join(names)} is expected")
        return name

    return convert


def _order(text: str) -> str:
    return f"orders/{resource_id('orders', text)}"


_FILTER_FIELDS: Final = {
    "state": _equal(NOTIFICATIONS.c.state, _one_of(State, "STATE_")),
    "kind": _equal(NOTIFICATIONS.c.kind, _one_of(Kind, "KIND_")),
    "order": _equal(NOTIFICATIONS.c.order_name, _order),
}


class Reading:
    """Lists notifications; one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, parent: str, filter_text: str, request: PageRequest, caller: Caller) -> Page[Notification]:
        """A page of what was written to `parent` (`users/…`, `users/me`), latest first.

        Raises UserNotFound to strangers, FilterInvalid and PageTokenInvalid.
        """
        user = caller.user if parent == _ME and caller.user is not None else parent
        if not (caller.is_staff or caller.owns(user)):
            raise UserNotFound(user)
        statement = storage.SELECT_NOTIFICATIONS.where(
            NOTIFICATIONS.c.recipient == user, *parse_filter(filter_text, _FILTER_FIELDS)
        )
        page = self._database.read(lambda connection: paginate(connection, statement, _LATEST_FIRST, request))
        return page.map(storage.notification_of)
