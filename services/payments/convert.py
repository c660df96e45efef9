"""Between the payments of the contract and those of the domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from bookstore.payments.v1 import payment_pb2
from bookstore.payments.v1.payments_service_pb2 import AuthorizePaymentRequest
from google.type.money_pb2 import Money as MoneyMessage

from chassis.database import Columns, RowCodec
from chassis.kernel import etag
from chassis.requests import id_in
from chassis.wire import money_from, money_message, money_of
from services.payments.ledger import Balance, balanced
from services.payments.payment import Charge, Payment, State, payment_name
from services.payments.store import PAYMENTS, payment_row

_STATES: Final[Mapping[str, Any]] = {state: payment_pb2.Payment.State.Value(f"STATE_{state}") for state in State}


def charge_of(request: AuthorizePaymentRequest) -> Charge:
    """What the order wants to be paid. Raises CurrencyUnknown."""
    return Charge(
        payment_id=id_in("orders", request.order, field="order"),
        user=request.user,
        amount=money_from(request.amount, field="amount"),
        method=request.payment_method,
    )


def _amount(minor: int | None, currency: str | None) -> MoneyMessage | None:
    return None if minor is None or currency is None else money_of(minor, currency)


PAYMENT: Final = RowCodec(
    payment_pb2.Payment,
    PAYMENTS,
    name=Columns("id", read=payment_name),
    order=Columns("id", read="orders/{}".format),
    user=Columns("payer", read=str),
    state=Columns("state", read=_STATES.__getitem__),
    amount=Columns("amount_minor", "currency", read=_amount),
    captured_amount=Columns("captured_minor", "currency", read=_amount),
    refunded_amount=Columns("refunded_minor", "currency", read=_amount),
    etag=Columns("version", read=etag),
)
"""Makes the contract's payment of a row."""


def payment_message(payment: Payment) -> payment_pb2.Payment:
    """Returns the payment as the contract has it."""
    return PAYMENT.of(payment_row(payment))


def trial_balance_message(balances: tuple[Balance, ...]) -> payment_pb2.TrialBalance:
    """The trial balance as the contract has it."""
    return payment_pb2.TrialBalance(
        accounts=[
            payment_pb2.AccountBalance(
                account=balance.account,
                currency_code=balance.amount.currency,
                balance=money_message(balance.amount),
            )
            for balance in balances
        ],
        balanced=balanced(balances),
    )
