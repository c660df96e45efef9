"""The outbox and its relay: nothing lost, order per aggregate, one relay at a time."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest
from opentelemetry import trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, NumberDataPoint
from opentelemetry.sdk.trace import TracerProvider
from sqlalchemy import Connection, MetaData, func, select, update

from chassis.broker import Broker, BrokerUnavailable, NatsBroker, Outgoing
from chassis.database import Database
from chassis.kernel import SystemIds
from chassis.outbox import Outbox, Relay
from chassis.schema import LEASES, OUTBOX, chassis_tables
from chassis.testing import FakeClock
from chassis.testing_broker import FakeBroker
from tests.integration.servers import NatsServer, wait_until
from tests.limits import HANG_SECONDS
from tests.sample_protos import thing_happened

SUBJECT = "bookstore.sample.v1.ThingHappened"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, name="test")
    metadata = MetaData()
    chassis_tables(metadata)
    metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def outbox(clock: FakeClock) -> Outbox:
    return Outbox(clock, SystemIds(), source="//bookstore/sample")


@pytest.fixture
def broker() -> FakeBroker:
    return FakeBroker()


def relay(database: Database, broker: Broker, clock: FakeClock, holder: str = "one") -> Relay:
    return Relay(database, broker, clock=clock, holder=holder)


def append(database: Database, outbox: Outbox, *things: str) -> None:
    """One transaction with an event for each thing; the n-th event of a thing has version n."""

    def function(tx: Connection) -> None:
        for thing in things:
            past = select(func.count()).where(OUTBOX.c.aggregate == f"things/{thing}")
            version = tx.execute(past).scalar_one() + 1
            outbox.append(tx, thing_happened(thing, version), aggregate=f"things/{thing}", version=version)

    database.transact(function)


def versions(messages: Sequence[Outgoing]) -> list[tuple[str, int]]:
    return [(one.headers["ce-subject"], int(one.headers["ce-aggregateversion"])) for one in messages]


def unpublished(database: Database) -> int:
    return database.read(lambda tx: tx.execute(select(func.count()).where(OUTBOX.c.published.is_(None))).scalar_one())


def test_an_event_travels_with_its_cloudevents_attributes(
    database: Database, outbox: Outbox, broker: FakeBroker, clock: FakeClock
) -> None:
    append(database, outbox, "a")
    relay(database, broker, clock).run()
    (sent,) = broker.messages
    assert sent.subject == SUBJECT
    assert sent.payload == thing_happened("a", 1).SerializeToString()
    assert dict(sent.headers) == {
        "ce-specversion": "1.0",
        "ce-id": sent.message_id,
        "ce-source": "//bookstore/sample",
        "ce-type": SUBJECT,
        "ce-subject": "things/a",
        "ce-time": "2026-01-02T03:04:05Z",
        "ce-datacontenttype": "application/protobuf",
        "ce-aggregateversion": "1",
    }
    assert unpublished(database) == 0


def test_an_event_of_an_undone_transaction_is_never_sent(
    database: Database, outbox: Outbox, broker: FakeBroker, clock: FakeClock
) -> None:
    def function(tx: Connection) -> None:
        outbox.append(tx, thing_happened("a"), aggregate="things/a", version=1)
        raise RuntimeError("undone")

    with pytest.raises(RuntimeError, match="undone"):
        database.transact(function)
    relay(database, broker, clock).run()
    assert broker.messages == ()


def test_appending_wakes_the_relay_and_other_commits_do_not(database: Database, outbox: Outbox) -> None:
    woken: list[bool] = []
    database.on_commit(lambda: woken.append(True))
    database.transact(lambda tx: tx.execute(select(OUTBOX.c.id)).all())
    append(database, outbox, "a", "b")
    assert woken == [True]


def test_the_trace_of_the_cause_goes_along_through_a_producer_span(
    database: Database, outbox: Outbox, broker: FakeBroker, clock: FakeClock
) -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("cause") as cause:
        append(database, outbox, "a")
    stored = database.read(lambda tx: json.loads(tx.execute(select(OUTBOX.c.headers)).scalar_one()))
    context = cause.get_span_context()
    assert stored["traceparent"].startswith(f"00-{context.trace_id:032x}-{context.span_id:016x}-")
    relay(database, broker, clock).run()
    assert broker.messages[0].headers["traceparent"].split("-")[1] == f"{context.trace_id:032x}"
    assert not trace.get_current_span().get_span_context().is_valid


def test_many_batches_keep_the_order_of_each_aggregate(
    database: Database, outbox: Outbox, broker: FakeBroker, clock: FakeClock
) -> None:
    for _ in range(13):
        append(database, outbox, *(["a", "b", "a", "c"] * 10 + [f"x{number}" for number in range(7)]))
    relay(database, broker, clock).run()
    sent = versions(broker.messages)
    assert len(sent) == 13 * 47
    for thing in {name for name, _ in sent}:
        mine = [version for name, version in sent if name == thing]
        assert mine == sorted(mine)
    assert unpublished(database) == 0


def test_a_refused_event_holds_back_its_successors_and_comes_first_next_time(
    database: Database, outbox: Outbox, broker: FakeBroker, clock: FakeClock
) -> None:
    append(database, outbox, "a", "a", "b", "a", "b")
    first = database.read(lambda tx: tx.execute(select(OUTBOX.c.event_id).order_by(OUTBOX.c.id)).scalars().first())
    assert first is not None
    broker.refuse(first)
    working = relay(database, broker, clock)
    with pytest.raises(BrokerUnavailable):
        working.run()
    assert versions(broker.messages) == [("things/b", 1)]
    assert unpublished(database) == 4
    working.run()
    sent = versions(broker.messages)
    assert [version for thing, version in sent if thing == "things/a"] == [1, 2, 3]
    assert [version for thing, version in sent if thing == "things/b"] == [1, 2]


def reported(reader: InMemoryMetricReader) -> dict[str, float]:
    data = reader.get_metrics_data()
    assert data is not None
    (resource,) = data.resource_metrics
    return {
        metric.name: point.value
        for metric in resource.scope_metrics[0].metrics
        for point in metric.data.data_points
        if isinstance(point, NumberDataPoint)
    }


def test_events_wait_while_the_broker_is_away(
    database: Database, outbox: Outbox, broker: FakeBroker, clock: FakeClock
) -> None:
    broker.switch(on=False)
    append(database, outbox, "a")
    working = relay(database, broker, clock)
    reader = InMemoryMetricReader()
    meters = MeterProvider(metric_readers=[reader])
    working.report_to(meters.get_meter("test"))
    assert working.oldest_unpublished_age() == timedelta()
    clock.advance(timedelta(seconds=90))
    with pytest.raises(BrokerUnavailable):
        working.run()
    assert working.oldest_unpublished_age() == timedelta(seconds=90)
    assert reported(reader) == {"bookstore.outbox.oldest_unpublished": 90.0}
    broker.switch(on=True)
    working.run()
    assert len(broker.messages) == 1
    assert working.oldest_unpublished_age() == timedelta()
    assert reported(reader) == {"bookstore.outbox.oldest_unpublished": 0.0}
    meters.shutdown()


def test_only_the_holder_of_the_lease_publishes(
    database: Database, outbox: Outbox, broker: FakeBroker, clock: FakeClock
) -> None:
    one, two = relay(database, broker, clock, "one"), relay(database, broker, clock, "two")
    append(database, outbox, "a")
    one.run()
    append(database, outbox, "b")
    two.run()
    assert unpublished(database) == 1
    clock.advance(timedelta(seconds=11))
    two.run()
    assert unpublished(database) == 0
    append(database, outbox, "c")
    one.run()
    assert unpublished(database) == 1


def test_a_lease_given_back_is_free_at_once_and_a_restart_takes_up_its_own(
    database: Database, outbox: Outbox, broker: FakeBroker, clock: FakeClock
) -> None:
    append(database, outbox, "a")
    relay(database, broker, clock, "one").run()  # and is killed
    append(database, outbox, "b")
    restarted = relay(database, broker, clock, "one")
    restarted.run()
    assert unpublished(database) == 0
    restarted.stop()
    append(database, outbox, "c")
    relay(database, broker, clock, "two").run()
    assert unpublished(database) == 0


class TakenOver(FakeBroker):
    """A broker so slow that another relay takes the lease while it stores a batch."""

    def __init__(self, database: Database) -> None:
        super().__init__()
        self._database = database

    def publish(self, messages: Sequence[Outgoing]) -> frozenset[str]:
        """Stores the messages; meanwhile the lease goes to somebody else."""
        stored = super().publish(messages)
        self._database.transact(lambda tx: tx.execute(update(LEASES).values(fence=LEASES.c.fence + 1, holder="two")))
        return stored


def test_a_relay_that_lost_its_lease_marks_nothing(database: Database, outbox: Outbox, clock: FakeClock) -> None:
    append(database, outbox, "a")
    stale = relay(database, TakenOver(database), clock, "one")
    stale.run()
    assert unpublished(database) == 1


def test_published_rows_stay_for_seven_days(
    database: Database, outbox: Outbox, broker: FakeBroker, clock: FakeClock
) -> None:
    working = relay(database, broker, clock)
    append(database, outbox, "a")
    working.run()
    clock.advance(timedelta(days=6))
    append(database, outbox, "b")
    working.run()
    append(database, outbox, "waiting")
    clock.advance(timedelta(days=1, seconds=1))
    assert working.purge() == 1
    left = database.read(lambda tx: tx.execute(select(OUTBOX.c.aggregate).order_by(OUTBOX.c.id)).scalars().all())
    assert left == ["things/b", "things/waiting"]


def test_an_event_too_large_to_publish_is_refused_when_it_is_written(database: Database, outbox: Outbox) -> None:
    with pytest.raises(ValueError, match="more than an event may have"):
        append(database, outbox, "x" * 300_000)


def test_on_a_real_broker_nothing_is_lost_over_a_crash(
    database: Database, outbox: Outbox, clock: FakeClock, nats_server: NatsServer
) -> None:
    broker = NatsBroker(nats_server.url, name="test")
    working = relay(database, broker, clock)
    append(database, outbox, *[f"t{number % 50}" for number in range(300)])
    working.run()
    nats_server.stop()
    wait_until(lambda: not broker.is_connected)
    append(database, outbox, *[f"t{number % 50}" for number in range(300)])
    with pytest.raises(BrokerUnavailable):
        working.run()
    nats_server.start()
    wait_until(lambda: broker.is_connected)
    working.run()
    assert unpublished(database) == 0
    pull = broker.pull("reader", [SUBJECT])
    seen: list[tuple[str, int]] = []
    while len(seen) < 600:
        more = pull.fetch(600 - len(seen), timedelta(seconds=HANG_SECONDS))
        assert more
        seen += [(one.headers["ce-subject"], int(one.headers["ce-aggregateversion"])) for one in more]
    for number in range(50):
        assert [version for thing, version in seen if thing == f"things/t{number}"] == list(range(1, 13))
    broker.close()
