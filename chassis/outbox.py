"""The outbox: an event is written in the transaction of its cause and published from there.

Rows stay for seven days after publishing, so that a broker that lost its files can be filled again.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import structlog
from google.protobuf.message import Message
from opentelemetry.metrics import Meter, Observation
from opentelemetry.trace import SpanKind
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from chassis.broker import Broker, BrokerUnavailable, Outgoing
from chassis.database import Database, Statement, notify_on_commit, scalar
from chassis.kernel import Clock, Ids
from chassis.leases import Lease, held_by
from chassis.schema import OUTBOX
from chassis.tracing import TRACEPARENT, current_traceparent, event_span, is_sampled

_BATCH: Final = 500
_KEEP: Final = timedelta(days=7)
_PURGE_BATCH: Final = 1000
_LARGEST_PAYLOAD_BYTES: Final = 256 * 1024
"""Well under the broker's limit of 1 MiB: a row that can never be published would hold up all that follow."""

_log = structlog.get_logger(__name__)

_INSERT: Final = Statement(
    insert(OUTBOX), keys=("event_id", "subject", "aggregate", "version", "headers", "payload", "created")
)
_NEXT_BATCH: Final = Statement(
    select(OUTBOX.c.id, OUTBOX.c.event_id, OUTBOX.c.subject, OUTBOX.c.aggregate, OUTBOX.c.headers, OUTBOX.c.payload)
    .where(OUTBOX.c.published.is_(None))
    .order_by(OUTBOX.c.id)
    .limit(_BATCH)
)
_OLDEST: Final = Statement(
    select(OUTBOX.c.created).where(OUTBOX.c.published.is_(None)).order_by(OUTBOX.c.id).limit(1), scalar
)
_MARK: Final = Statement(
    update(OUTBOX)
    .where(OUTBOX.c.id.in_(bindparam("ids", expanding=True)), held_by(bindparam("lease"), bindparam("fence")))
    .values(published=bindparam("now"))
)
_eldest = select(OUTBOX.c.id, OUTBOX.c.published).order_by(OUTBOX.c.id).limit(_PURGE_BATCH).subquery()
_PURGE: Final = Statement(
    delete(OUTBOX).where(OUTBOX.c.id.in_(select(_eldest.c.id).where(_eldest.c.published < bindparam("before"))))
)


class Outbox:
    """Writes events; `source` is the CloudEvents source, such as `//bookstore/orders`."""

    def __init__(self, clock: Clock, ids: Ids, *, source: str) -> None:
        self._clock = clock
        self._ids = ids
        self._source = source

    def append(self, tx: Connection, event: Message, *, aggregate: str, version: int) -> None:
        """Writes `event` about `aggregate` (a resource name) at its `version`; it is published after the commit.

        Events of one aggregate are published in the order they are appended. The headers are CloudEvents 1.0
        attributes in the binary form of its NATS binding, `ce-aggregateversion` as an extension, and the W3C trace
        context of the caller. Raises ValueError when the event is larger than 256 KiB.
        """
        payload = event.SerializeToString()
        if len(payload) > _LARGEST_PAYLOAD_BYTES:
            raise ValueError(f"{event.DESCRIPTOR.full_name} has {len(payload)} bytes, more than an event may have")
        event_id, now, subject = self._ids.new(), self._clock.now(), event.DESCRIPTOR.full_name
        headers = {
            "ce-specversion": "1.0",
            "ce-id": event_id,
            "ce-source": self._source,
            "ce-type": subject,
            "ce-subject": aggregate,
            "ce-time": now.astimezone(UTC).isoformat().replace("+00:00", "Z"),
            "ce-datacontenttype": "application/protobuf",
            "ce-aggregateversion": str(version),
        }
        if traceparent := current_traceparent():
            headers[TRACEPARENT] = traceparent
        _INSERT.run(
            tx,
            event_id=event_id,
            subject=subject,
            aggregate=aggregate,
            version=version,
            headers=json.dumps(headers),
            payload=payload,
            created=now,
        )
        notify_on_commit(tx)


class Relay:
    """Publishes what is in the outbox: at least once, in order per aggregate.

    One relay per database works at a time: it holds a lease, and marking rows checks its fencing number. `holder`
    names this process among those that share the database and is the same after a restart, so that a process that
    was killed takes its own lease up again at once.
    """

    def __init__(self, database: Database, broker: Broker, *, clock: Clock, holder: str) -> None:
        self._database = database
        self._broker = broker
        self._clock = clock
        self._lease = Lease(database, clock=clock, name="relay", holder=holder)
        self._stream_known = False

    def run(self) -> None:
        """Publishes everything unpublished; meant for a Worker that is woken on commit and runs each second.

        Raises BrokerUnavailable when the broker does not take all of it; what it took is marked, the rest stays.
        """
        while self._database.read(lambda connection: _OLDEST.first(connection)) is not None:
            fence = self._lease.take()
            if fence is None:
                return
            rows = self._database.read(lambda connection: _NEXT_BATCH.all(connection))
            for wave in waves(rows):
                self._publish(wave, fence)

    def oldest_unpublished_age(self) -> timedelta:
        """How long the oldest event has been waiting; zero when none does."""
        created: datetime | None = self._database.read(lambda connection: _OLDEST.first(connection))
        return timedelta() if created is None else max(timedelta(), self._clock.now() - created)

    def report_to(self, meter: Meter) -> None:
        """Lets operators see how far events are behind: without the broker all calls go on, so nothing else tells."""
        meter.create_observable_gauge(
            "bookstore.outbox.oldest_unpublished",
            callbacks=[lambda _: [Observation(self.oldest_unpublished_age().total_seconds())]],
            unit="s",
            description="How long the oldest event has been waiting for the broker",
        )

    def purge(self) -> int:
        """Deletes rows published more than seven days ago, at most a thousand; says how many."""
        return self._database.transact(lambda tx: purge_published(tx, self._clock.now() - _KEEP))

    def stop(self) -> None:
        """Gives the lease back, so that another process goes on at once."""
        self._lease.release()

    def _publish(self, wave: Sequence[Any], fence: int) -> None:
        try:
            if not self._stream_known:
                self._broker.ensure_stream()
                self._stream_known = True
            with ExitStack() as spans:
                stored = self._broker.publish([_outgoing(row, spans) for row in wave])
        except BrokerUnavailable:
            self._stream_known = False
            raise
        published = [row.id for row in wave if row.event_id in stored]
        if published:
            self._mark(published, fence)
        if len(published) < len(wave):
            self._stream_known = False
            raise BrokerUnavailable(f"the broker took {len(published)} of {len(wave)} events")
        _log.debug("events published", count=len(published))

    def _mark(self, ids: Sequence[int], fence: int) -> None:
        marked = self._database.transact(
            lambda tx: _MARK.run(tx, ids=ids, lease=self._lease.name, fence=fence, now=self._clock.now())
        )
        if marked == 0:
            self._lease.forget()
            _log.warning("another relay took over", holder=self._lease.holder)


def waves(rows: Sequence[Any]) -> Iterator[list[Any]]:
    """Splits a batch so that no part holds two events of one aggregate; the n-th part holds the n-th event of each.

    Within a part messages travel without waiting for each other, so one may fail and a later one succeed; this way
    an event is sent only when its predecessors are stored.
    """
    parts: list[list[Any]] = []
    seen: dict[str, int] = {}
    for row in rows:
        rank = seen.get(row.aggregate, 0)
        seen[row.aggregate] = rank + 1
        if rank == len(parts):
            parts.append([])
        parts[rank].append(row)
    yield from parts


def purge_published(tx: Connection, before: datetime) -> int:
    """Deletes the oldest rows, at most a thousand, as far as they were published before that moment."""
    return _PURGE.run(tx, before=before)


def _outgoing(row: Any, spans: ExitStack) -> Outgoing:
    headers: dict[str, str] = json.loads(row.headers)
    traceparent = headers.get(TRACEPARENT, "")
    if is_sampled(traceparent):  # else the context travels on as it is
        attributes = {
            "messaging.system": "nats",
            "messaging.operation.type": "send",
            "messaging.destination.name": row.subject,
            "messaging.message.id": row.event_id,
        }
        span = event_span(f"publish {row.subject}", traceparent, kind=SpanKind.PRODUCER, attributes=attributes)
        spans.enter_context(span)
        headers[TRACEPARENT] = current_traceparent()
    return Outgoing(subject=row.subject, message_id=row.event_id, headers=headers, payload=row.payload)
