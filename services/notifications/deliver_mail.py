"""Sends what is queued: takes one mail at a time, finds out where it goes, writes it and hands it over."""

from __future__ import annotations

from typing import Final

import structlog
from opentelemetry import trace
from sqlalchemy import Connection

from chassis.database import Database
from chassis.kernel import Clock, ServiceError
from chassis.tracing import TRACEPARENT, event_span
from services.notifications import store, templates
from services.notifications.mailer import AddressRefused, Mail, Mailer, MailerUnavailable
from services.notifications.notification import Failure, Notification, State
from services.notifications.remotes import Directory

_MOST_PER_RUN: Final = 100

_log = structlog.get_logger(__name__)
_tracer = trace.get_tracer(__name__)


class MailDelivery:
    """The worker's work; several processes may do it at once, since each mail is claimed first."""

    def __init__(
        self,
        database: Database,
        *,
        clock: Clock,
        directory: Directory,
        mailer: Mailer,
        sender: str,
        most_attempts: int,
        tracer: trace.Tracer = _tracer,
    ) -> None:
        self._database = database
        self._clock = clock
        self._directory = directory
        self._mailer = mailer
        self._sender = sender
        self._most_attempts = most_attempts
        self._tracer = tracer

    def run(self) -> None:
        """Tries every mail whose time has come, at most a hundred. Meant for a Worker."""
        for _ in range(_MOST_PER_RUN):
            notification = self._database.transact(self._claim)
            if notification is None:
                return
            self._deliver(notification)

    def _claim(self, tx: Connection) -> Notification | None:
        now = self._clock.now()
        queued = store.next_due(tx, now)
        if queued is None:
            return None
        claimed = queued.claim(now)
        store.write_progress(tx, queued, claimed)
        return claimed

    def _deliver(self, notification: Notification) -> None:
        """One attempt, as a part of the trace of what the mail is about."""
        with event_span(
            "deliver mail",
            notification.trace.get(TRACEPARENT, ""),
            attributes={"bookstore.notification": notification.name, "bookstore.order": notification.purchase.order},
            tracer=self._tracer,
        ) as span:
            failure = self._attempt(notification)
            now = self._clock.now()
            if failure is Failure.NONE:
                after = notification.sent(now)
            else:
                after = notification.failed(failure, now, most_attempts=self._most_attempts)
                span.set_status(trace.StatusCode.ERROR, failure)
            self._database.transact(lambda tx: store.write_progress(tx, notification, after))
            level = _log.info if after.state is not State.FAILED else _log.error
            level(
                "mail attempted",
                notification=after.name,
                order=after.purchase.order,
                state=after.state,
                attempts=after.attempts,
                failure=after.failure,
            )

    def _attempt(self, notification: Notification) -> Failure:
        try:
            addressee = self._directory.addressee(notification.user)
        except ServiceError as error:
            _log.warning("identity does not say where the mail goes", reason=error.reason)
            return Failure.DIRECTORY_UNAVAILABLE
        if addressee is None:
            return Failure.ADDRESS_UNKNOWN
        mail = Mail(
            key=notification.id,
            sender=self._sender,
            recipient=addressee.email,
            subject=notification.subject,
            body=templates.body(notification, addressee.display_name),
            time=notification.create_time,
        )
        try:
            self._mailer.send(mail)
        except AddressRefused as error:
            _log.warning("the address is refused", reason=str(error))
            return Failure.ADDRESS_REFUSED
        except MailerUnavailable as error:
            _log.warning("the mail could not be handed over", reason=str(error))
            return Failure.MAILER_UNAVAILABLE
        return Failure.NONE
