"""Reads payments and the ledger; each method is one statement."""

from __future__ import annotations

from typing import Final

from chassis.database import Database
from chassis.filtering import (
    RANGE,
    enum_field,
    id_field,
    moment_field,
    name_field,
    parse_filter,
    parse_order_by,
)
from chassis.kernel import Caller
from chassis.paging import Page, PageRequest, paginate
from services.payments import storage
from services.payments.domain import Payment, State, payment_name
from services.payments.ledger import Balance
from services.payments.refusals import PaymentNotFound
from services.payments.storage import PAYMENTS

_FILTER_FIELDS: Final = {
    "order": id_field(PAYMENTS.c.id, "orders"),
    "user": name_field(PAYMENTS.c.payer, "users"),
    "state": enum_field(PAYMENTS.c.state, State, prefix="STATE_"),
    "create_time": moment_field(PAYMENTS.c.create_time, operators=RANGE),
}
_ORDER_FIELDS: Final = {"create_time": PAYMENTS.c.create_time}


class Reading:
    """What payers and staff see."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def payment(self, payment_id: str, caller: Caller) -> Payment:
        """One payment, for its payer, for staff and for a service that calls in its own name.

        Raises PaymentNotFound.
        """
        payment = self._database.read(lambda connection: storage.find_payment(connection, payment_id))
        trusted = caller.is_staff or caller.user is None  # without a user only the services of the contract get here
        if payment is None or not (trusted or caller.owns(payment.user)):
            raise PaymentNotFound(payment_name(payment_id))
        return payment

    def page(self, filter_text: str, order_by: str, request: PageRequest) -> Page[Payment]:
        """A page of payments. Raises FilterInvalid and PageTokenInvalid."""
        statement = storage.SELECT_PAYMENTS.where(*parse_filter(filter_text, _FILTER_FIELDS))
        order = parse_order_by(order_by, _ORDER_FIELDS, default="create_time desc", key=PAYMENTS.c.id)
        page = self._database.read(lambda connection: paginate(connection, statement, order, request))
        return page.map(storage.payment_of)

    def balances(self) -> tuple[Balance, ...]:
        """The balance of every account in every currency."""
        return self._database.read(storage.balances)
