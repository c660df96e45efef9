"""A broker for tests: keeps to the contract of the port, in memory, and can be switched off."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from chassis.broker import BrokerUnavailable, Delivery, Outgoing, Pull
from chassis.kernel import Clock, SystemClock
from chassis.kernel.clock import monotonic

_ACK_WAIT: Final = timedelta(seconds=30)
_LOOK_AGAIN_SECONDS: Final = 0.01  # a delay may have passed on the clock meanwhile


@dataclass(slots=True)
class _Position:
    """Where one consumer stands with one message."""

    deliveries: int = 0
    settled: bool = False
    visible_from: datetime | None = None


@dataclass(slots=True)
class _Consumer:
    subjects: tuple[str, ...]
    positions: dict[int, _Position] = field(default_factory=dict)


class FakeBroker:
    """Stores messages in order and redelivers those that are not settled; `clock` decides when a delay is over."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._changed = threading.Condition()
        self._messages: list[Outgoing] = []
        self._ids: set[str] = set()
        self._refused: set[str] = set()
        self._consumers: dict[str, _Consumer] = {}
        self._connected = True

    @property
    def is_connected(self) -> bool:
        """Whether the broker is switched on."""
        return self._connected

    @property
    def messages(self) -> Sequence[Outgoing]:
        """Everything that was stored, in order."""
        with self._changed:
            return tuple(self._messages)

    def switch(self, *, on: bool) -> None:
        """Switches the broker off or on; what it stored stays."""
        with self._changed:
            self._connected = on
            self._changed.notify_all()

    def refuse(self, *message_ids: str) -> None:
        """Lets the next attempt to publish each of these ids fail."""
        with self._changed:
            self._refused.update(message_ids)

    def ensure_stream(self) -> None:
        """Nothing to make. Raises BrokerUnavailable when switched off."""
        self._require()

    def publish(self, messages: Sequence[Outgoing]) -> frozenset[str]:
        """Stores the messages, each message id once."""
        with self._changed:
            self._require()
            stored = set()
            for message in messages:
                if message.message_id in self._refused:
                    self._refused.discard(message.message_id)
                    continue
                if message.message_id not in self._ids:
                    self._ids.add(message.message_id)
                    self._messages.append(message)
                stored.add(message.message_id)
            self._changed.notify_all()
            return frozenset(stored)

    def pull(self, consumer: str, subjects: Sequence[str]) -> Pull:
        """The durable consumer of that name on those subjects, made or updated."""
        with self._changed:
            self._require()
            known = self._consumers.setdefault(consumer, _Consumer(tuple(subjects)))
            known.subjects = tuple(subjects)
            return _FakePull(self, known)

    def close(self) -> None:
        """Switches the broker off."""
        self.switch(on=False)

    def _require(self) -> None:
        if not self._connected:
            raise BrokerUnavailable("the broker is not connected")

    def _take(self, consumer: _Consumer, limit: int) -> list[Delivery]:
        now = self._clock.now()
        taken: list[Delivery] = []
        for index, message in enumerate(self._messages):
            if len(taken) == limit:
                break
            position = consumer.positions.setdefault(index, _Position())
            waiting = position.visible_from is not None and position.visible_from > now
            if message.subject in consumer.subjects and not position.settled and not waiting:
                position.deliveries += 1
                position.visible_from = now + _ACK_WAIT
                taken.append(_FakeDelivery(self, message, index + 1, position))
        return taken

    def _fetch(self, consumer: _Consumer, limit: int, wait: timedelta) -> Sequence[Delivery]:
        until = monotonic() + wait.total_seconds()
        with self._changed:
            while True:
                self._require()
                taken = self._take(consumer, limit)
                left = until - monotonic()
                if taken or left <= 0:
                    return taken
                self._changed.wait(min(left, _LOOK_AGAIN_SECONDS))

    def _settle(self, position: _Position, again_at: datetime | None) -> None:
        with self._changed:
            position.settled = again_at is None
            position.visible_from = again_at
            self._changed.notify_all()

    def _now(self) -> datetime:
        return self._clock.now()


class _FakePull:
    def __init__(self, broker: FakeBroker, consumer: _Consumer) -> None:
        self._broker = broker
        self._consumer = consumer

    def fetch(self, limit: int, wait: timedelta) -> Sequence[Delivery]:
        return self._broker._fetch(self._consumer, limit, wait)  # noqa: SLF001  # one fake, three classes

    def close(self) -> None:
        """Nothing to let go."""


class _FakeDelivery:
    def __init__(self, broker: FakeBroker, message: Outgoing, sequence: int, position: _Position) -> None:
        self._broker = broker
        self._position = position
        self.subject = message.subject
        self.headers: Mapping[str, str] = message.headers
        self.payload = message.payload
        self.deliveries = position.deliveries
        self.sequence = sequence

    def ack(self) -> None:
        self._broker._settle(self._position, None)  # noqa: SLF001

    def nak(self, delay: timedelta) -> None:
        self._broker._settle(self._position, self._broker._now() + delay)  # noqa: SLF001

    def term(self) -> None:
        self._broker._settle(self._position, None)  # noqa: SLF001
