"""Queues a mail when something happened; all it does is write a row in the transaction it is given."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from chassis.database import notify_on_commit
from chassis.kernel import Clock, Ids
from services.notifications import store
from services.notifications.notification import Notification, Purchase


class OutboundMail:
    """Turns what happened into mails that are to be sent."""

    def __init__(self, *, clock: Clock, ids: Ids) -> None:
        self._clock = clock
        self._ids = ids

    def order_confirmed(self, tx: Connection, user: str, purchase: Purchase, trace: Mapping[str, str]) -> None:
        """Queues the mail that an order is confirmed, once per order, and wakes who sends it."""
        notification = Notification.of_confirmation(self._ids.new(), user, purchase, now=self._clock.now(), trace=trace)
        if store.add_notification(tx, notification):
            notify_on_commit(tx)
