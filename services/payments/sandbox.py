"""The embedded payment provider: no money moves, and what happens is decided by the token of the payment method.

| token | what happens |
|---|---|
| `pm_ok` | the amount is held |
| `pm_declined` | declined without saying why |
| `pm_insufficient_funds` | declined: the method does not cover the amount |
| `pm_slow` | PENDING for two seconds, then held |
| `pm_lost_answer` | everything succeeds, but the first answer to each step is lost |
| any other | declined: the method is unknown |

It keeps books of its own, as a provider would, and is reached only through the port PaymentProvider.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from bookstore.payments.v1.payments_errors import ProviderTimeout
from sqlalchemy import Connection, bindparam, select, update

from chassis.database import Columns, Database, RowCodec, Statement, insert_if_absent
from chassis.kernel import Clock, Money
from services.payments.payment import Answer, Status
from services.payments.sandbox_books import PROVIDER_PAYMENTS, PROVIDER_REQUESTS

SLOW: Final = timedelta(seconds=2)
"""How long `pm_slow` stays PENDING."""
_LOST_ANSWER: Final = "pm_lost_answer"
_ANSWERS: Final[Mapping[str, Answer]] = {
    "pm_ok": Answer(status=Status.AUTHORIZED),
    "pm_declined": Answer(status=Status.DECLINED, decline_reason="PAYMENT_DECLINED"),
    "pm_insufficient_funds": Answer(status=Status.DECLINED, decline_reason="INSUFFICIENT_FUNDS"),
    "pm_slow": Answer(status=Status.PENDING),
    _LOST_ANSWER: Answer(status=Status.AUTHORIZED),
}
_UNKNOWN: Final = Answer(status=Status.DECLINED, decline_reason="PAYMENT_METHOD_UNKNOWN")


class SandboxRefusal(RuntimeError):
    """The shop asked for what a provider never does, such as paying back more than was charged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A payment in the provider's books; amounts in minor units."""

    payment: str
    method: str = ""
    currency: str = ""
    amount_minor: int = 0
    status: Status
    decline_reason: str = ""
    captured_minor: int = 0
    refunded_minor: int = 0
    settles: datetime

    def answer(self) -> Answer:
        """What the shop is told."""
        return Answer(status=self.status, decline_reason=self.decline_reason)


_HELD: Final = RowCodec(_Held, PROVIDER_PAYMENTS, status=Columns("status", read=Status))
_PAYMENT: Final = Statement(select(*_HELD.columns).where(PROVIDER_PAYMENTS.c.payment == bindparam("of_payment")), _HELD)
_UPDATE: Final = Statement(
    update(PROVIDER_PAYMENTS).where(PROVIDER_PAYMENTS.c.payment == bindparam("of_payment")),
    keys=tuple(name for name in _HELD.names if name != "payment"),
)
_REQUEST: Final = Statement(
    select(PROVIDER_REQUESTS.c.payment, PROVIDER_REQUESTS.c.amount_minor).where(
        PROVIDER_REQUESTS.c.request_key == bindparam("under")
    )
)


class SandboxProvider:
    """A PaymentProvider for development and tests."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def authorize(self, key: str, *, payment: str, method: str, amount: Money) -> Answer:
        """Holds the amount as the method's token says; a payment that is in the books is answered as it stands."""
        now = self._clock.now()
        verdict = _ANSWERS.get(method, _UNKNOWN)
        asked = _Held(
            payment=payment,
            method=method,
            currency=amount.currency,
            amount_minor=amount.minor,
            status=verdict.status,
            decline_reason=verdict.decline_reason,
            settles=now + SLOW,
        )
        return self._take(key, payment, amount.minor, lambda held, _: held or asked).answer()

    def capture(self, key: str, *, payment: str) -> Answer:
        """Charges all that is held."""

        def capture(held: _Held | None, _: bool) -> _Held:
            known = _known(held)
            if known.status is not Status.AUTHORIZED:
                return known
            return replace(known, status=Status.CAPTURED, captured_minor=known.amount_minor)

        return self._take(key, payment, 0, capture).answer()

    def void(self, key: str, *, payment: str) -> Answer:
        """Gives up the hold; of a payment it never saw it remembers that nothing is to be held."""
        now = self._clock.now()

        def void(held: _Held | None, _: bool) -> _Held:
            if held is None:
                return _Held(payment=payment, status=Status.VOIDED, settles=now)
            open_ = held.status in (Status.PENDING, Status.AUTHORIZED)
            return replace(held, status=Status.VOIDED) if open_ else held

        return self._take(key, payment, 0, void).answer()

    def refund(self, key: str, *, payment: str, amount: Money) -> None:
        """Pays back a part of the charge, once per key."""

        def refund(held: _Held | None, fresh: bool) -> _Held:
            known = _known(held)
            if not fresh:
                return known
            refunded = known.refunded_minor + amount.minor
            if amount.currency != known.currency or refunded > known.captured_minor:
                raise SandboxRefusal(f"{amount} cannot be paid back of {payment}")
            return replace(known, refunded_minor=refunded)

        self._take(key, payment, amount.minor, refund)

    def _take(self, key: str, payment: str, amount_minor: int, change: Callable[[_Held | None, bool], _Held]) -> _Held:
        """Runs a step in the provider's books; its answer is lost when the method says so and the key is new."""
        now = self._clock.now()

        def step(tx: Connection) -> tuple[_Held, bool]:
            fresh = _is_fresh(tx, key, payment, amount_minor)
            before = _find(tx, payment, now)
            after = change(before, fresh)
            _write(tx, after)
            return after, fresh

        held, fresh = self._database.transact(step)
        if fresh and held.method == _LOST_ANSWER:
            raise ProviderTimeout
        return held


def _known(held: _Held | None) -> _Held:
    if held is None:
        raise SandboxRefusal("the payment is not in the provider's books")
    return held


def _is_fresh(tx: Connection, key: str, payment: str, amount_minor: int) -> bool:
    request = {"request_key": key, "payment": payment, "amount_minor": amount_minor}
    if insert_if_absent(tx, PROVIDER_REQUESTS, request):
        return True
    (before,) = _REQUEST.all(tx, under=key)
    if (before.payment, before.amount_minor) != (payment, amount_minor):
        raise SandboxRefusal(f"the key {key} was used for another request")
    return False


def _find(tx: Connection, payment: str, now: datetime) -> _Held | None:
    held = _PAYMENT.first(tx, of_payment=payment)
    if held is None:
        return None
    if held.status is Status.PENDING and now >= held.settles:
        return replace(held, status=Status.AUTHORIZED)
    return held


def _write(tx: Connection, held: _Held) -> None:
    row = _HELD.values(held)
    if not insert_if_absent(tx, PROVIDER_PAYMENTS, row):
        _UPDATE.run(tx, of_payment=held.payment, **row)
