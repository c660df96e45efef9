"""What the chassis needs of a broker.

Delivery is at least once. A message published again under the same message id within the duplicate window is stored
once; that is a help, never the guarantee: consumers keep an inbox.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


class BrokerUnavailable(RuntimeError):
    """The broker does not answer, or no longer knows the stream or consumer; try again later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message to publish; `message_id` is what duplicates are recognised by."""

    subject: str
    message_id: str
    headers: Mapping[str, str]
    payload: bytes


class Delivery(Protocol):
    """A message on its way to a consumer. One of ack, nak and term settles it; unsettled it comes again."""

    @property
    def subject(self) -> str:
        """The subject it was published under."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers it was published with."""
        ...

    @property
    def payload(self) -> bytes:
        """The body."""
        ...

    @property
    def deliveries(self) -> int:
        """How many times it was delivered to this consumer, this time included."""
        ...

    @property
    def sequence(self) -> int:
        """Its position in the stream."""
        ...

    def ack(self) -> None:
        """It is done with. Returns before the broker knows."""
        ...

    def nak(self, delay: timedelta) -> None:
        """It shall come again after `delay`."""
        ...

    def term(self) -> None:
        """It shall not come again."""
        ...


class Pull(Protocol):
    """A durable consumer, asked for messages."""

    def fetch(self, limit: int, wait: timedelta) -> Sequence[Delivery]:
        """Up to `limit` messages in stream order; none when none came within `wait`. Raises BrokerUnavailable."""
        ...

    def close(self) -> None:
        """Stops listening; the durable consumer stays and remembers its position."""
        ...


class Broker(Protocol):
    """What the chassis needs of a broker. Every method may be called from any thread."""

    @property
    def is_connected(self) -> bool:
        """Whether the broker is there right now."""
        ...

    def ensure_stream(self) -> None:
        """Makes the stream unless it exists. Raises BrokerUnavailable."""
        ...

    def publish(self, messages: Sequence[Outgoing]) -> frozenset[str]:
        """Sends the messages in order and returns the ids of those that are stored durably.

        Messages whose ids are not returned may be stored or not. Raises BrokerUnavailable when none could be sent.
        """
        ...

    def pull(self, consumer: str, subjects: Sequence[str]) -> Pull:
        """The durable consumer of that name on those subjects, made or updated. Raises BrokerUnavailable."""
        ...

    def close(self) -> None:
        """Sends what is waiting and disconnects. May be repeated."""
        ...
