"""The inbox: every event has its effect once, in the transaction that remembers its id.

Delivery is at least once and, after a failure, not in order: a handler that minds compares `context.version`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from google.protobuf.message import DecodeError, Message
from opentelemetry import trace
from sqlalchemy import Connection, bindparam, delete, select, true, update

from chassis.broker import Broker, BrokerUnavailable, Delivery, Pull
from chassis.database import Database, Statement, insert_if_absent
from chassis.kernel import Backoff, Clock
from chassis.schema import DEAD_LETTERS, INBOX
from chassis.tracing import TRACEPARENT, event_span
from chassis.v1.platform_errors import StorageUnavailable

_FETCH: Final = 50
_FETCH_WAIT: Final = timedelta(seconds=1)
_DELIVERIES: Final = 8
"""After so many an event is put aside."""
_BACKOFF: Final = Backoff(first=timedelta(seconds=1), longest=timedelta(seconds=60))
_KEEP: Final = timedelta(days=30)
"""Much longer than any event can still be redelivered (stream and outbox: seven days)."""
_PURGE_BATCH: Final = 1000
_REASON_LENGTH: Final = 500  # characters

_log = structlog.get_logger(__name__)

_WAITING: Final = Statement(
    select(DEAD_LETTERS.c.event_id, DEAD_LETTERS.c.subject, DEAD_LETTERS.c.headers, DEAD_LETTERS.c.payload)
    .where(DEAD_LETTERS.c.redrive.is_(true()))
    .order_by(DEAD_LETTERS.c.event_id)
)
_this = DEAD_LETTERS.c.event_id == bindparam("letter")
_FAIL_AGAIN: Final = Statement(update(DEAD_LETTERS).where(_this).values(redrive=False, reason=bindparam("why")))
_REMOVE: Final = Statement(delete(DEAD_LETTERS).where(_this))
_REDRIVE: Final = Statement(update(DEAD_LETTERS).values(redrive=True))
_PURGE: Final = Statement(
    delete(INBOX).where(
        INBOX.c.event_id.in_(select(INBOX.c.event_id).where(INBOX.c.received < bindparam("before")).limit(_PURGE_BATCH))
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventContext:
    """What is known of an event beside its message.

    `aggregate` is the resource name the event is about, `version` that resource's version after it, `time` when it
    happened (UTC), `headers` all headers, trace context included.
    """

    event_id: str
    subject: str
    aggregate: str
    version: int
    time: datetime
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """An event type and the function of (transaction, event, context) that handles it; effects only in the database."""

    event: type[Message]
    handle: Callable[[Connection, Any, EventContext], None]

    @property
    def subject(self) -> str:
        """The subject the event is published under: the full name of its message."""
        return self.event.DESCRIPTOR.full_name


class Unreadable(ValueError):
    """A message that is not one of our events, whatever we do: its text says why."""


class Consumer:
    """Handles the events a service subscribes to; `name` is its durable consumer."""

    def __init__(
        self,
        database: Database,
        broker: Broker,
        *,
        clock: Clock,
        name: str,
        subscriptions: Sequence[Subscription],
    ) -> None:
        """Raises ValueError when an event has two handlers."""
        self._database = database
        self._broker = broker
        self._clock = clock
        self._name = name
        self._subscriptions = {subscription.subject: subscription for subscription in subscriptions}
        if len(self._subscriptions) != len(subscriptions):
            raise ValueError("an event has one handler in a service")
        self._pull: Pull | None = None

    def run(self, wait: timedelta = _FETCH_WAIT) -> None:
        """Waits for events, at most `wait`, and handles those that came; meant for a Worker with `every` zero.

        Raises BrokerUnavailable, StorageUnavailable.
        """
        self._redrive()
        try:
            if self._pull is None:
                self._broker.ensure_stream()
                self._pull = self._broker.pull(self._name, sorted(self._subscriptions))
            deliveries = self._pull.fetch(_FETCH, wait)
        except BrokerUnavailable:
            pull, self._pull = self._pull, None
            if pull is not None:
                pull.close()
            raise
        for delivery in deliveries:
            self._receive(delivery)

    def purge(self) -> int:
        """Forgets ids received more than thirty days ago, at most a thousand; says how many."""
        before = self._clock.now() - _KEEP
        return self._database.transact(lambda tx: _PURGE.run(tx, before=before))

    def _receive(self, delivery: Delivery) -> None:
        with event_span(
            f"process {delivery.subject}",
            delivery.headers.get(TRACEPARENT, ""),
            attributes={
                "messaging.system": "nats",
                "messaging.operation.type": "process",
                "messaging.destination.name": delivery.subject,
                "messaging.consumer.group.name": self._name,
                "messaging.message.id": delivery.headers.get("ce-id", ""),
            },
        ) as span:
            try:
                self._handle(delivery.subject, delivery.headers, delivery.payload)
            except Exception as error:  # noqa: BLE001  # whatever a handler raises, the message has to be settled
                span.record_exception(error)
                span.set_status(trace.StatusCode.ERROR, type(error).__name__)
                self._failed(delivery, error)
            else:
                delivery.ack()

    def _handle(self, subject: str, headers: Mapping[str, str], payload: bytes) -> None:
        subscription = self._subscriptions.get(subject)
        if subscription is None:
            raise Unreadable(f"{self._name} has no handler for {subject}")
        context = event_context(subject, headers)
        event = subscription.event()
        try:
            event.ParseFromString(payload)
        except DecodeError as error:
            raise Unreadable(f"the payload is not a {subject}") from error

        def once(tx: Connection) -> bool:
            fresh = insert_if_absent(tx, INBOX, {"event_id": context.event_id, "received": self._clock.now()})
            if fresh:
                subscription.handle(tx, event, context)
            return fresh

        fresh = self._database.transact(once)
        _log.info(
            "event handled" if fresh else "event known",
            event_id=context.event_id,
            subject=subject,
            aggregate=context.aggregate,
            version=context.version,
        )

    def _failed(self, delivery: Delivery, error: Exception) -> None:
        tried_enough = delivery.deliveries >= _DELIVERIES and not isinstance(error, StorageUnavailable)
        hopeless = isinstance(error, Unreadable) or tried_enough
        _log.warning(
            "event failed",
            event_id=delivery.headers.get("ce-id"),
            subject=delivery.subject,
            deliveries=delivery.deliveries,
            dead=hopeless,
            exc_info=error,
        )
        if hopeless:
            try:
                self._bury(delivery, error)
            except StorageUnavailable:
                _log.warning("the dead letter could not be stored, the event comes again", subject=delivery.subject)
            else:
                delivery.term()
                return
        delivery.nak(_BACKOFF.pause(delivery.deliveries))

    def _bury(self, delivery: Delivery, error: Exception) -> None:
        letter = {
            "event_id": delivery.headers.get("ce-id") or f"sequence-{delivery.sequence}",
            "subject": delivery.subject,
            "headers": json.dumps(dict(delivery.headers)),
            "payload": delivery.payload,
            "reason": _reason(error),
            "deliveries": delivery.deliveries,
            "created": self._clock.now(),
            "redrive": False,
        }
        self._database.transact(lambda tx: insert_if_absent(tx, DEAD_LETTERS, letter))

    def _redrive(self) -> None:
        for letter in self._database.read(lambda connection: _WAITING.all(connection)):
            self._revive(letter)

    def _revive(self, letter: Any) -> None:
        try:
            self._handle(letter.subject, json.loads(letter.headers), letter.payload)
        except Exception as error:  # noqa: BLE001  # whatever a handler raises, the letter stays
            _log.warning("a dead letter failed again", event_id=letter.event_id, exc_info=error)
            why = _reason(error)
            self._database.transact(lambda tx: _FAIL_AGAIN.run(tx, letter=letter.event_id, why=why))
        else:
            self._database.transact(lambda tx: _REMOVE.run(tx, letter=letter.event_id))


def redrive(database: Database) -> int:
    """Asks the service to handle its dead letters once more, which it does within a second; says how many there are.

    A letter that fails again stays, with its new reason.
    """
    return database.transact(lambda tx: _REDRIVE.run(tx))


def event_context(subject: str, headers: Mapping[str, str]) -> EventContext:
    """Reads the CloudEvents headers. Raises Unreadable when one is missing or malformed."""
    try:
        return EventContext(
            event_id=headers["ce-id"],
            subject=subject,
            aggregate=headers["ce-subject"],
            version=int(headers["ce-aggregateversion"]),
            time=datetime.fromisoformat(headers["ce-time"]),
            headers=dict(headers),
        )
    except KeyError as error:
        raise Unreadable(f"the header {error.args[0]} is missing") from error
    except ValueError as error:
        raise Unreadable("a header is malformed") from error


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:_REASON_LENGTH]
