"""The inbox: each event has its effect once, however often it comes; what fails is tried again or put aside."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from opentelemetry import trace
from sqlalchemy import Column, Connection, Integer, MetaData, Row, Table, Text, func, insert, select

from chassis.broker import BrokerUnavailable, NatsBroker, Outgoing
from chassis.database import Database
from chassis.inbox import Consumer, EventContext, Subscription, Unreadable, event_context, redrive
from chassis.kernel import SystemIds
from chassis.outbox import Outbox, Relay
from chassis.schema import DEAD_LETTERS, INBOX, chassis_tables
from chassis.testing import FakeClock
from chassis.testing_broker import FakeBroker
from chassis.v1.platform_errors import StorageUnavailable
from tests.integration.servers import NatsServer
from tests.limits import HANG_SECONDS
from tests.sample_protos import ThingForgotten, ThingHappened, thing_happened

HAPPENED, FORGOTTEN = "bookstore.sample.v1.ThingHappened", "bookstore.sample.v1.ThingForgotten"
AT_ONCE = timedelta()

metadata = MetaData()
chassis_tables(metadata)
effects = Table(
    "effects",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("thing", Text),
    Column("version", Integer),
    Column("trace", Text),
)


class HandlerFault(Exception):
    pass


class Handler:
    """Writes a row for each event, and fails afterwards as often as it is told to."""

    def __init__(self) -> None:
        self.failing = 0
        self.error: Exception = HandlerFault("planned")
        self.contexts: list[EventContext] = []

    def __call__(self, tx: Connection, event: Any, context: EventContext) -> None:
        self.contexts.append(context)
        span = trace.get_current_span().get_span_context()
        row = {"thing": event.thing, "version": context.version, "trace": f"{span.trace_id:032x}"}
        tx.execute(insert(effects), row)
        if self.failing:
            self.failing -= 1
            raise self.error


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, name="test")
    metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def broker(clock: FakeClock) -> FakeBroker:
    return FakeBroker(clock)


@pytest.fixture
def handler() -> Handler:
    return Handler()


@pytest.fixture
def consumer(database: Database, broker: FakeBroker, clock: FakeClock, handler: Handler) -> Consumer:
    subscriptions = [Subscription(event=ThingHappened, handle=handler)]
    return Consumer(database, broker, clock=clock, name="listener", subscriptions=subscriptions)


def message(key: str, headers: Mapping[str, str] | None = None, *, payload: bytes | None = None) -> Outgoing:
    attributes = {
        "ce-id": key,
        "ce-subject": f"things/{key}",
        "ce-aggregateversion": "1",
        "ce-time": "2026-01-02T03:04:05Z",
        **(headers or {}),
    }
    body = thing_happened(key).SerializeToString() if payload is None else payload
    return Outgoing(subject=HAPPENED, message_id=f"{key}-{random.random()}", headers=attributes, payload=body)


def things(database: Database) -> list[str]:
    return list(database.read(lambda tx: tx.execute(select(effects.c.thing).order_by(effects.c.id)).scalars()))


def letters(database: Database) -> list[Row[*tuple[Any, ...]]]:
    return list(database.read(lambda tx: tx.execute(select(DEAD_LETTERS)).all()))


def test_an_event_is_handled_with_its_context_and_acknowledged(
    consumer: Consumer, broker: FakeBroker, database: Database, handler: Handler, clock: FakeClock
) -> None:
    broker.publish([message("a", {"ce-aggregateversion": "7"})])
    consumer.run(AT_ONCE)
    (context,) = handler.contexts
    assert (context.event_id, context.subject, context.aggregate, context.version) == ("a", HAPPENED, "things/a", 7)
    assert context.time == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    clock.advance(timedelta(minutes=5))
    consumer.run(AT_ONCE)
    assert things(database) == ["a"]


def test_duplicates_shuffled_have_one_effect_each(consumer: Consumer, broker: FakeBroker, database: Database) -> None:
    chance = random.Random(20260102)
    copies = [message(f"e{number:03}") for number in range(100) for _ in range(chance.randint(1, 5))]
    chance.shuffle(copies)
    broker.publish(copies)
    for _ in range(len(copies) // 50 + 1):
        consumer.run(AT_ONCE)
    assert sorted(things(database)) == [f"e{number:03}" for number in range(100)]


def test_a_failure_is_undone_and_tried_again_later_and_later(
    consumer: Consumer, broker: FakeBroker, database: Database, handler: Handler, clock: FakeClock
) -> None:
    handler.failing = 3
    broker.publish([message("a")])
    consumer.run(AT_ONCE)
    for seconds in (1, 2, 4):
        assert things(database) == []
        clock.advance(timedelta(seconds=seconds - 0.001))
        tries = len(handler.contexts)
        consumer.run(AT_ONCE)
        assert len(handler.contexts) == tries
        clock.advance(timedelta(seconds=0.001))
        consumer.run(AT_ONCE)
    assert things(database) == ["a"]
    assert letters(database) == []


def test_after_eight_deliveries_an_event_is_put_aside_with_its_reason(
    consumer: Consumer, broker: FakeBroker, database: Database, handler: Handler, clock: FakeClock
) -> None:
    handler.failing = 100
    broker.publish([message("a"), message("b")])
    for _ in range(12):
        consumer.run(AT_ONCE)
        clock.advance(timedelta(seconds=61))
    assert len(handler.contexts) == 16
    assert [(one.event_id, one.reason, one.deliveries) for one in letters(database)] == [
        ("a", "HandlerFault: planned", 8),
        ("b", "HandlerFault: planned", 8),
    ]
    assert database.read(lambda tx: tx.execute(select(func.count()).select_from(INBOX)).scalar_one()) == 0


def test_trouble_with_the_database_puts_nothing_aside(
    consumer: Consumer, broker: FakeBroker, database: Database, handler: Handler, clock: FakeClock
) -> None:
    handler.failing, handler.error = 10, StorageUnavailable()
    broker.publish([message("a")])
    for _ in range(11):
        consumer.run(AT_ONCE)
        clock.advance(timedelta(seconds=61))
    assert letters(database) == []
    assert things(database) == ["a"]


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (message("a", payload=b"\xff\xff"), "not a bookstore.sample.v1.ThingHappened"),
        (message("a", {"ce-aggregateversion": "seven"}), "malformed"),
        (message("a", {"ce-time": "yesterday"}), "malformed"),
    ],
)
def test_what_cannot_be_read_is_put_aside_at_once(
    consumer: Consumer, broker: FakeBroker, database: Database, handler: Handler, broken: Outgoing, reason: str
) -> None:
    broker.publish([broken, message("good")])
    consumer.run(AT_ONCE)
    (letter,) = letters(database)
    assert reason in letter.reason
    assert letter.payload == broken.payload
    assert things(database) == ["good"]


def test_a_message_without_an_id_is_put_aside_under_its_position(
    consumer: Consumer, broker: FakeBroker, database: Database
) -> None:
    broker.publish([Outgoing(subject=HAPPENED, message_id="m", headers={}, payload=b"")])
    consumer.run(AT_ONCE)
    assert [letter.event_id for letter in letters(database)] == ["sequence-1"]


def test_redriving_handles_dead_letters_once_more(
    consumer: Consumer, broker: FakeBroker, database: Database, handler: Handler, clock: FakeClock
) -> None:
    handler.failing = 9
    broker.publish([message("a")])
    for _ in range(8):
        consumer.run(AT_ONCE)
        clock.advance(timedelta(seconds=61))
    handler.error = HandlerFault("still")
    assert redrive(database) == 1
    consumer.run(AT_ONCE)
    assert [letter.reason for letter in letters(database)] == ["HandlerFault: still"]
    consumer.run(AT_ONCE)
    assert len(handler.contexts) == 9
    assert redrive(database) == 1
    consumer.run(AT_ONCE)
    assert letters(database) == []
    assert things(database) == ["a"]


def test_while_the_broker_is_away_running_says_so_and_goes_on_afterwards(
    consumer: Consumer, broker: FakeBroker, database: Database
) -> None:
    consumer.run(AT_ONCE)
    broker.publish([message("a")])
    broker.switch(on=False)
    with pytest.raises(BrokerUnavailable):
        consumer.run(AT_ONCE)
    broker.switch(on=True)
    consumer.run(AT_ONCE)
    assert things(database) == ["a"]


def test_the_trace_of_the_publisher_goes_on(consumer: Consumer, broker: FakeBroker, database: Database) -> None:
    trace_id = "0af7651916cd43dd8448eb211c80319c"
    broker.publish([message("a", {"traceparent": f"00-{trace_id}-b7ad6b7169203331-01"})])
    consumer.run(AT_ONCE)
    assert database.read(lambda tx: tx.execute(select(effects.c.trace)).scalar_one()) == trace_id


def test_an_event_has_one_handler(database: Database, broker: FakeBroker, clock: FakeClock, handler: Handler) -> None:
    twice = [Subscription(event=ThingHappened, handle=handler)] * 2
    with pytest.raises(ValueError, match="one handler"):
        Consumer(database, broker, clock=clock, name="listener", subscriptions=twice)


def test_ids_are_forgotten_after_thirty_days(
    consumer: Consumer, broker: FakeBroker, database: Database, clock: FakeClock
) -> None:
    broker.publish([message("old")])
    consumer.run(AT_ONCE)
    clock.advance(timedelta(days=30, seconds=1))
    broker.publish([message("new")])
    consumer.run(AT_ONCE)
    assert consumer.purge() == 1
    assert database.read(lambda tx: tx.execute(select(INBOX.c.event_id)).scalars().all()) == ["new"]


def test_a_missing_header_is_named() -> None:
    with pytest.raises(Unreadable, match="ce-subject"):
        event_context(HAPPENED, {"ce-id": "a"})


def test_from_outbox_to_effect_over_a_real_broker(
    database: Database, clock: FakeClock, handler: Handler, nats_server: NatsServer
) -> None:
    """The whole way, with two event types and a failure in between."""
    forgotten = Handler()
    outbox = Outbox(clock, SystemIds(), source="//bookstore/sample")
    broker = NatsBroker(nats_server.url, name="test")
    consumer = Consumer(
        database,
        broker,
        clock=clock,
        name="listener",
        subscriptions=[
            Subscription(event=ThingHappened, handle=handler),
            Subscription(event=ThingForgotten, handle=forgotten),
        ],
    )

    def cause(tx: Connection) -> None:
        for number in range(60):
            outbox.append(tx, thing_happened(f"t{number:02}"), aggregate=f"things/t{number:02}", version=1)
        outbox.append(tx, ThingForgotten(), aggregate="things/t00", version=2)

    database.transact(cause)
    forgotten.failing = 1
    Relay(database, broker, clock=clock, holder="one").run()
    while len(things(database)) < 61:
        consumer.run(timedelta(seconds=HANG_SECONDS))
    assert sorted(things(database)) == ["", *(f"t{number:02}" for number in range(60))]
    assert len(forgotten.contexts) == 2
    assert forgotten.contexts[0].subject == FORGOTTEN
    broker.close()
