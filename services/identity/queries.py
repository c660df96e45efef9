"""The list of accounts, for staff, from rows straight to messages."""

from __future__ import annotations

from typing import Final

from bookstore.identity.v1 import user_pb2

from chassis.database import Database
from chassis.database.listing import Listing
from chassis.filtering import EQUAL, enum_field, moment_field, text_field
from chassis.paging import Page, PageRequest
from services.identity.account import UserState, normal_email
from services.identity.convert import USER
from services.identity.store import USERS

_LISTING: Final = Listing(
    USER,
    key=USERS.c.id,
    sortable={"email": USERS.c.email, "create_time": USERS.c.create_time},
    default="create_time",
    filterable={
        "email": text_field(USERS.c.email, normal=normal_email, operators=EQUAL),
        "display_name": text_field(USERS.c.display_name, operators=EQUAL),
        "state": enum_field(USERS.c.state, UserState, prefix="STATE_"),
        "create_time": moment_field(USERS.c.create_time),
    },
    conditions={"not_deleted": USERS.c.state != UserState.DELETED},
)


class UserQueries:
    """Reads accounts."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, page: PageRequest, *, filter_text: str, order_by: str) -> Page[user_pb2.User]:
        """Returns a page of the accounts that pass the filter; without one, of those not deleted.

        Raises FilterInvalid, PageTokenInvalid.
        """
        not_deleted = None if filter_text.strip() else True
        return self._database.read(
            lambda connection: _LISTING.page(
                connection, page, filter_text=filter_text, order_by=order_by, not_deleted=not_deleted
            )
        )
