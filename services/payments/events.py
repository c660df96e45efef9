"""What payments tell the others: ids, amounts, versions and moments, as event messages."""

from __future__ import annotations

from bookstore.payments.v1.payments_events_pb2 import (
    PaymentAuthorized,
    PaymentCaptured,
    PaymentDeclined,
    PaymentRefunded,
    PaymentVoided,
)
from google.protobuf.message import Message

from chassis.kernel import Money
from chassis.wire import money_message, timestamp
from services.payments.payment import Payment, State


def arrived(payment: Payment) -> Message | None:
    """The event of a payment that has just come to its state; None where the state has none."""
    amount = money_message(payment.due)
    time = timestamp(payment.update_time)
    name, order, version = payment.name, payment.order, payment.version
    match payment.state:
        case State.AUTHORIZED:
            return PaymentAuthorized(payment=name, order=order, amount=amount, version=version, event_time=time)
        case State.DECLINED:
            return PaymentDeclined(
                payment=name,
                order=order,
                amount=amount,
                decline_reason=payment.decline_reason,
                version=version,
                event_time=time,
            )
        case State.CAPTURED:
            return PaymentCaptured(payment=name, order=order, amount=amount, version=version, event_time=time)
        case State.VOIDED if payment.authorized_minor:
            return PaymentVoided(payment=name, order=order, amount=amount, version=version, event_time=time)
        case _:
            return None


def refunded(payment: Payment, amount: Money) -> PaymentRefunded:
    """A part or all of the charge was paid back."""
    return PaymentRefunded(
        payment=payment.name,
        order=payment.order,
        amount=money_message(amount),
        refunded_amount=money_message(payment.money(payment.refunded_minor)),
        version=payment.version,
        event_time=timestamp(payment.update_time),
    )
