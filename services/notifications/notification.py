"""Notifications: what a mail is about and how far it has come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from chassis.kernel import Backoff, Money

_BACKOFF: Final = Backoff(first=timedelta(seconds=1), longest=timedelta(minutes=15))
_CLAIM: Final = timedelta(minutes=1)
"""How long one attempt has the mail to itself; longer than asking identity and the mail server can take together."""


class Kind(StrEnum):
    """What a mail is about."""

    ORDER_CONFIRMED = "ORDER_CONFIRMED"


class State(StrEnum):
    """How far a mail has come."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    FAILED = "FAILED"


class Failure(StrEnum):
    """Why the last attempt failed, without a word of personal data."""

    NONE = ""
    DIRECTORY_UNAVAILABLE = "DIRECTORY_UNAVAILABLE"  # identity did not answer
    ADDRESS_UNKNOWN = "ADDRESS_UNKNOWN"  # no such account, or it was closed
    ADDRESS_REFUSED = "ADDRESS_REFUSED"  # the mail server does not know the address, and never will
    MAILER_UNAVAILABLE = "MAILER_UNAVAILABLE"  # the mail could not be handed over


HOPELESS: Final = frozenset({Failure.ADDRESS_UNKNOWN, Failure.ADDRESS_REFUSED})
"""Failures that another attempt does not mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoughtCopies:
    """Copies of one book: price of one before discounts, and what all of them cost."""

    title: str
    quantity: int
    unit_price: Money
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """An order (`orders/…`) as the mail tells it."""

    order: str
    copies: tuple[BoughtCopies, ...]
    total: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One mail to `user` (`users/…`). QUEUED becomes SENT or FAILED; both are the end.

    `due` is when it may be tried (again); `trace` is the W3C trace context of its cause.
    """

    id: str
    user: str
    kind: Kind
    subject: str
    purchase: Purchase
    create_time: datetime
    due: datetime | None
    state: State = State.QUEUED
    attempts: int = 0
    failure: Failure = Failure.NONE
    send_time: datetime | None = None
    trace: Mapping[str, str] = field(default_factory=dict)

    @staticmethod
    def of_confirmation(
        notification_id: str, user: str, purchase: Purchase, *, now: datetime, trace: Mapping[str, str]
    ) -> Notification:
        """The mail that an order is confirmed."""
        return Notification(
            id=notification_id,
            user=user,
            kind=Kind.ORDER_CONFIRMED,
            subject=f"Your order {purchase.order.removeprefix('orders/')} is confirmed",
            purchase=purchase,
            create_time=now,
            due=now,
            trace=trace,
        )

    @property
    def name(self) -> str:
        """Resource name, `users/{user}/notifications/{id}`."""
        return f"{self.user}/notifications/{self.id}"

    def claim(self, now: datetime) -> Notification:
        """Taken for one attempt: nobody else tries before the attempt is over for sure."""
        return replace(self, attempts=self.attempts + 1, due=now + _CLAIM)

    def sent(self, now: datetime) -> Notification:
        """The mail was taken over."""
        return replace(self, state=State.SENT, send_time=now, due=None, failure=Failure.NONE)

    def failed(self, failure: Failure, now: datetime, *, most_attempts: int) -> Notification:
        """An attempt failed: tried again after a pause that doubles from one second to 15 minutes, or given up."""
        if failure in HOPELESS or self.attempts >= most_attempts:
            return replace(self, state=State.FAILED, due=None, failure=failure)
        return replace(self, due=now + _BACKOFF.pause(self.attempts), failure=failure)
