"""The list of accounts, for staff."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import ColumnElement, select

from chassis.database import Database
from chassis.filtering import (
    EQUAL,
    FilterField,
    enum_field,
    moment_field,
    parse_filter,
    parse_order_by,
    text_field,
)
from chassis.paging import Page, PageRequest, paginate
from services.identity.domain import User, UserState, normal_email
from services.identity.storage import USER_COLUMNS, USERS, user_of

_FIELDS: Final[Mapping[str, FilterField]] = {
    "email": text_field(USERS.c.email, normal=normal_email, operators=EQUAL),
    "display_name": text_field(USERS.c.display_name, operators=EQUAL),
    "state": enum_field(USERS.c.state, UserState, prefix="STATE_"),
    "create_time": moment_field(USERS.c.create_time),
}
_ORDERS: Final[Mapping[str, ColumnElement[Any]]] = {"email": USERS.c.email, "create_time": USERS.c.create_time}
_ALL: Final = select(*USER_COLUMNS)
_NOT_DELETED: Final = _ALL.where(USERS.c.state != UserState.DELETED)


class Directory:
    """Finds accounts by what is known of them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, page: PageRequest, *, filter_text: str, order_by: str) -> Page[User]:
        """A page of the accounts that pass the filter; without one, of those not deleted.

        Raises FilterInvalid, PageTokenInvalid.
        """
        conditions = parse_filter(filter_text, _FIELDS)
        order = parse_order_by(order_by, _ORDERS, default="create_time", key=USERS.c.id)
        statement = _ALL.where(*conditions) if conditions else _NOT_DELETED
        return self._database.read(lambda connection: paginate(connection, statement, order, page)).map(user_of)
