"""The broker contract, on the fake and on a real NATS server, and what only the real one can show."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from datetime import timedelta

import pytest

from chassis.broker import Broker, BrokerUnavailable, Delivery, NatsBroker, Outgoing, Pull
from chassis.testing_broker import FakeBroker
from tests.integration.servers import NatsServer, wait_until
from tests.limits import HANG_SECONDS

SUBJECT, OTHER = "bookstore.sample.v1.ThingHappened", "bookstore.sample.v1.ThingForgotten"
LONG, NOW = timedelta(seconds=HANG_SECONDS), timedelta(milliseconds=300)


@pytest.fixture(params=["fake", "nats"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    made: Broker
    if request.param == "fake":
        made = FakeBroker()
    else:
        made = NatsBroker(request.getfixturevalue("nats_server").url, name="test")
    made.ensure_stream()
    yield made
    made.close()


def message(key: str, subject: str = SUBJECT) -> Outgoing:
    return Outgoing(subject=subject, message_id=key, headers={"ce-id": key}, payload=key.encode())


def fetched(pull: Pull, count: int) -> list[Delivery]:
    """Exactly `count` deliveries, in order."""
    deliveries: list[Delivery] = []
    while len(deliveries) < count:
        more = pull.fetch(count - len(deliveries), LONG)
        assert more, f"only {len(deliveries)} of {count} came"
        deliveries.extend(more)
    return deliveries


def ids(deliveries: Sequence[Delivery]) -> list[str]:
    return [delivery.headers["ce-id"] for delivery in deliveries]


def test_messages_arrive_in_order_with_headers_and_payload(broker: Broker) -> None:
    keys = [f"k{number:03}" for number in range(120)]
    assert broker.publish([message(key) for key in keys]) == frozenset(keys)
    deliveries = fetched(broker.pull("reader", [SUBJECT]), 120)
    assert ids(deliveries) == keys
    assert [delivery.payload.decode() for delivery in deliveries] == keys
    assert {delivery.subject for delivery in deliveries} == {SUBJECT}
    assert {delivery.deliveries for delivery in deliveries} == {1}
    assert [delivery.sequence for delivery in deliveries] == list(range(1, 121))


def test_a_message_id_is_stored_once(broker: Broker) -> None:
    assert broker.publish([message("a")]) == {"a"}
    assert broker.publish([message("a"), message("b")]) == {"a", "b"}
    assert ids(fetched(broker.pull("reader", [SUBJECT]), 2)) == ["a", "b"]
    assert broker.pull("reader", [SUBJECT]).fetch(1, NOW) == []


def test_a_consumer_gets_its_subjects_and_remembers_its_position(broker: Broker) -> None:
    broker.publish([message("a"), message("b", OTHER), message("c")])
    for delivery in fetched(broker.pull("reader", [SUBJECT]), 2):
        delivery.ack()
    broker.publish([message("d")])
    assert ids(fetched(broker.pull("reader", [SUBJECT]), 1)) == ["d"]
    assert ids(fetched(broker.pull("another", [OTHER]), 1)) == ["b"]


def test_a_consumer_may_learn_of_more_subjects(broker: Broker) -> None:
    broker.publish([message("a")])
    for delivery in fetched(broker.pull("reader", [SUBJECT]), 1):
        delivery.ack()
    pull = broker.pull("reader", [SUBJECT, OTHER])
    broker.publish([message("b", OTHER), message("c")])
    assert ids(fetched(pull, 2)) == ["b", "c"]


def test_a_refused_message_comes_again_after_its_delay(broker: Broker) -> None:
    broker.publish([message("a")])
    pull = broker.pull("reader", [SUBJECT])
    fetched(pull, 1)[0].nak(timedelta(milliseconds=50))
    again = fetched(pull, 1)[0]
    assert (again.headers["ce-id"], again.deliveries) == ("a", 2)


def test_a_message_in_hand_and_a_settled_one_do_not_come_again(broker: Broker) -> None:
    broker.publish([message("a"), message("b"), message("c")])
    pull = broker.pull("reader", [SUBJECT])
    first, second, _ = fetched(pull, 3)
    first.ack()
    second.term()
    assert pull.fetch(10, NOW) == []


def test_fetching_waits_for_a_message_to_come(broker: Broker) -> None:
    pull = broker.pull("reader", [SUBJECT])
    assert pull.fetch(10, timedelta(milliseconds=20)) == []
    broker.publish([message("a")])
    assert ids(fetched(pull, 1)) == ["a"]


def test_a_closed_broker_is_unavailable(broker: Broker) -> None:
    assert broker.is_connected
    pull = broker.pull("reader", [SUBJECT])
    broker.close()
    assert not broker.is_connected
    with pytest.raises(BrokerUnavailable):
        broker.publish([message("a")])
    with pytest.raises(BrokerUnavailable):
        pull.fetch(1, NOW)
    with pytest.raises(BrokerUnavailable):
        broker.ensure_stream()


def test_the_fake_can_refuse_a_message_and_be_switched_off() -> None:
    broker = FakeBroker()
    broker.refuse("b")
    assert broker.publish([message("a"), message("b"), message("c")]) == {"a", "c"}
    assert broker.publish([message("b")]) == {"b"}
    broker.switch(on=False)
    with pytest.raises(BrokerUnavailable):
        broker.publish([message("d")])
    broker.switch(on=True)
    assert [stored.message_id for stored in broker.messages] == ["a", "c", "b"]


def test_nats_keeps_messages_over_a_crash_and_the_client_comes_back(nats_server: NatsServer) -> None:
    broker = NatsBroker(nats_server.url, name="test")
    broker.ensure_stream()
    broker.publish([message("a")])
    pull = broker.pull("reader", [SUBJECT])
    nats_server.stop(signal.SIGKILL)
    wait_until(lambda: not broker.is_connected)
    with pytest.raises(BrokerUnavailable):
        broker.publish([message("b")])
    nats_server.start()
    wait_until(lambda: broker.is_connected)
    assert broker.publish([message("a"), message("b")]) == {"a", "b"}
    assert ids(fetched(pull, 2)) == ["a", "b"]
    broker.close()


def test_nats_may_be_started_after_its_clients(nats_server: NatsServer) -> None:
    nats_server.stop()
    broker = NatsBroker(nats_server.url, name="test")
    with pytest.raises(BrokerUnavailable):
        broker.ensure_stream()
    nats_server.start()
    wait_until(lambda: broker.is_connected)
    broker.ensure_stream()
    assert broker.publish([message("a")]) == {"a"}
    broker.close()


def test_a_wrong_token_is_not_connected(nats_server: NatsServer) -> None:
    broker = NatsBroker(nats_server.url.replace("token-of-the-test", "guessed"), name="test")
    with pytest.raises(BrokerUnavailable):
        broker.ensure_stream()
    assert not broker.is_connected
    broker.close()


def test_publishing_without_a_stream_stores_nothing(nats_server: NatsServer) -> None:
    broker = NatsBroker(nats_server.url, name="test")
    assert broker.publish([message("a")]) == frozenset()
    with pytest.raises(BrokerUnavailable):
        broker.pull("reader", [SUBJECT])
    broker.close()
