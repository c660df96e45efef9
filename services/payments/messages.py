"""Between the payments of the contract and those of the domain."""

from __future__ import annotations

from typing import Final

from bookstore.payments.v1 import payment_pb2
from bookstore.payments.v1.payments_service_pb2 import AuthorizePaymentRequest
from google.type.money_pb2 import Money as MoneyMessage

from chassis.kernel import etag
from chassis.requests import id_in
from chassis.wire import money_from, money_message, timestamp
from services.payments.domain import Charge, Payment, State
from services.payments.ledger import Balance, balanced

_STATES: Final = {state: payment_pb2.Payment.State.Value(f"STATE_{state}") for state in State}


def charge_of(request: AuthorizePaymentRequest) -> Charge:
    """What the order wants to be paid. Raises CurrencyUnknown."""
    return Charge(
        payment_id=id_in("orders", request.order, field="order"),
        user=request.user,
        amount=money_from(request.amount, field="amount"),
        method=request.payment_method,
    )


def payment_message(payment: Payment) -> payment_pb2.Payment:
    """The payment as the contract has it."""
    amounts: dict[str, MoneyMessage] = {}
    if payment.amount is not None:
        amounts = {
            "amount": money_message(payment.amount),
            "captured_amount": money_message(payment.money(payment.captured_minor)),
            "refunded_amount": money_message(payment.money(payment.refunded_minor)),
        }
    return payment_pb2.Payment(
        name=payment.name,
        order=payment.order,
        user=payment.user,
        state=_STATES[payment.state],
        method=payment.method,
        decline_reason=payment.decline_reason,
        create_time=timestamp(payment.create_time),
        update_time=timestamp(payment.update_time),
        etag=etag(payment.version),
        **amounts,
    )


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
