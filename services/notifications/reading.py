"""Users read what the shop wrote to them."""

from __future__ import annotations

from typing import Final

from chassis.database import Database
from chassis.filtering import enum_field, name_field, parse_filter
from chassis.kernel import Caller
from chassis.paging import Order, OrderKey, Page, PageRequest, paginate
from services.notifications import storage
from services.notifications.domain import Kind, Notification, State, UserNotFound
from services.notifications.storage import NOTIFICATIONS

_LATEST_FIRST: Final[Order] = (
    OrderKey(column=NOTIFICATIONS.c.create_time, descending=True),
    OrderKey(column=NOTIFICATIONS.c.id, descending=True),
)
_FILTER_FIELDS: Final = {
    "state": enum_field(NOTIFICATIONS.c.state, State, prefix="STATE_"),
    "kind": enum_field(NOTIFICATIONS.c.kind, Kind, prefix="KIND_"),
    "order": name_field(NOTIFICATIONS.c.order_name, "orders"),
}


class Reading:
    """Lists notifications; one statement."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, parent: str, filter_text: str, request: PageRequest, caller: Caller) -> Page[Notification]:
        """A page of what was written to `parent` (`users/…`, `users/me`), latest first.

        Raises UserNotFound to strangers, FilterInvalid and PageTokenInvalid.
        """
        user = caller.resolve(parent)
        if not (caller.is_staff or caller.owns(user)):
            raise UserNotFound(user)
        statement = storage.SELECT_NOTIFICATIONS.where(
            NOTIFICATIONS.c.recipient == user, *parse_filter(filter_text, _FILTER_FIELDS)
        )
        page = self._database.read(lambda connection: paginate(connection, statement, _LATEST_FIRST, request))
        return page.map(storage.notification_of)
