"""Reads of payments and of the ledger; each is one statement."""

from __future__ import annotations

from typing import Final

from bookstore.payments.v1 import payment_pb2
from bookstore.payments.v1.payments_errors import PaymentNotFound
from sqlalchemy import bindparam, select

from chassis.database import Database, Statement
from chassis.database.listing import Listing
from chassis.filtering import RANGE, enum_field, id_field, moment_field, name_field
from chassis.kernel import Caller
from chassis.paging import Page, PageRequest
from services.payments import store
from services.payments.convert import PAYMENT, trial_balance_message
from services.payments.payment import State, payment_name
from services.payments.store import PAYMENTS

_BY_ID: Final = Statement(select(*PAYMENT.columns).where(PAYMENTS.c.id == bindparam("payment_id")), PAYMENT)
_LISTING: Final = Listing(
    PAYMENT,
    key=PAYMENTS.c.id,
    sortable={"create_time": PAYMENTS.c.create_time},
    default="create_time desc",
    filterable={
        "order": id_field(PAYMENTS.c.id, "orders"),
        "user": name_field(PAYMENTS.c.payer, "users"),
        "state": enum_field(PAYMENTS.c.state, State, prefix="STATE_"),
        "create_time": moment_field(PAYMENTS.c.create_time, operators=RANGE),
    },
)


class PaymentQueries:
    """Reads payments and the ledger."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def payment(self, payment_id: str, caller: Caller) -> payment_pb2.Payment:
        """Returns a payment, to its payer, to staff and to a service that calls in its own name.

        Raises PaymentNotFound.
        """
        payment = self._database.read(lambda connection: _BY_ID.first(connection, payment_id=payment_id))
        trusted = caller.is_staff or caller.user is None  # without a user only the services of the contract get here
        if payment is None or not (trusted or caller.owns(payment.user)):
            raise PaymentNotFound(payment=payment_name(payment_id))
        return payment

    def page(self, filter_text: str, order_by: str, page: PageRequest) -> Page[payment_pb2.Payment]:
        """Returns a page of payments. Raises FilterInvalid and PageTokenInvalid."""
        return self._database.read(
            lambda connection: _LISTING.page(connection, page, filter_text=filter_text, order_by=order_by)
        )

    def trial_balance(self) -> payment_pb2.TrialBalance:
        """Returns the balance of every account in every currency."""
        return trial_balance_message(self._database.read(store.balances))
