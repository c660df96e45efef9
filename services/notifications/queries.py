"""Reads of notifications, from rows straight to messages."""

from __future__ import annotations

from typing import Final

from bookstore.notifications.v1 import notification_pb2
from bookstore.notifications.v1.notifications_errors import UserNotFound
from sqlalchemy import bindparam

from chassis.database import Database
from chassis.database.listing import Listing
from chassis.filtering import enum_field, name_field
from chassis.kernel import Caller
from chassis.paging import Page, PageRequest
from services.notifications.convert import NOTIFICATION
from services.notifications.notification import Kind, State
from services.notifications.store import NOTIFICATIONS

_LISTING: Final = Listing(
    NOTIFICATION,
    key=NOTIFICATIONS.c.id,
    sortable={"create_time": NOTIFICATIONS.c.create_time},
    default="create_time desc",
    filterable={
        "state": enum_field(NOTIFICATIONS.c.state, State, prefix="STATE_"),
        "kind": enum_field(NOTIFICATIONS.c.kind, Kind, prefix="KIND_"),
        "order": name_field(NOTIFICATIONS.c.order_name, "orders"),
    },
    conditions={"user": NOTIFICATIONS.c.recipient == bindparam("user")},
)


class NotificationQueries:
    """Reads notifications."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, parent: str, filter_text: str, page: PageRequest, caller: Caller
    ) -> Page[notification_pb2.Notification]:
        """Returns a page of the notifications of `parent` (`users/…`, `users/me`), latest first.

        Raises UserNotFound to other customers, FilterInvalid and PageTokenInvalid.
        """
        user = caller.resolve(parent)
        if not (caller.is_staff or caller.owns(user)):
            raise UserNotFound(user=user)
        return self._database.read(
            lambda connection: _LISTING.page(connection, page, filter_text=filter_text, user=user)
        )
