"""The broker on NATS JetStream."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import timedelta
from typing import Any, Final, TypeVar

import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext
from nats.js.api import AckPolicy, ConsumerConfig, RetentionPolicy, StorageType, StreamConfig
from nats.js.errors import NotFoundError

from chassis.broker.port import BrokerUnavailable, Delivery, Outgoing, Pull

T = TypeVar("T")

_CONNECT_WAIT_SECONDS: Final = 1.0
_REPLY_SECONDS: Final = 5.0
_RECONNECT_SECONDS: Final = 1
_DUPLICATE_WINDOW: Final = timedelta(minutes=2)
_KEEP: Final = timedelta(days=7)
"""As long as the outbox keeps what it published, so that either can be rebuilt from the other."""
_ACK_WAIT: Final = timedelta(seconds=30)

_log = structlog.get_logger(__name__)


class NatsBroker:
    """NATS JetStream; `url` is `nats://token@host:port`.

    The client lives on an asyncio loop in a thread of its own and reconnects for ever.
    """

    def __init__(
        self, url: str, *, name: str, stream: str = "bookstore", subjects: Sequence[str] = ("bookstore.>",)
    ) -> None:
        self._url = url
        self._name = name
        self._stream = stream
        self._subjects = tuple(subjects)
        self._connected = threading.Event()
        self._closed = False
        self._client = Client()
        self._jetstream: JetStreamContext | None = None
        self._loop = asyncio.new_event_loop()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name=f"{name}-broker", daemon=True)
        self._thread.start()

    @property
    def is_connected(self) -> bool:
        """Whether the broker is there right now."""
        return self._connected.is_set()

    def ensure_stream(self) -> None:
        """Makes the stream, on file, unless it exists; an existing one keeps what its operator configured."""
        self._call(self._ensure_stream, _REPLY_SECONDS)

    def publish(self, messages: Sequence[Outgoing]) -> frozenset[str]:
        """Sends all messages without waiting in between, then waits for every acknowledgement."""
        return self._call(lambda jetstream: self._publish(jetstream, messages), 2 * _REPLY_SECONDS)

    def pull(self, consumer: str, subjects: Sequence[str]) -> Pull:
        """The durable consumer of that name on those subjects, made or updated."""
        config = ConsumerConfig(
            durable_name=consumer,
            filter_subjects=list(subjects),
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=_ACK_WAIT.total_seconds(),
        )

        async def bind(jetstream: JetStreamContext) -> JetStreamContext.PullSubscription:
            await jetstream.add_consumer(self._stream, config=config)
            return await jetstream.pull_subscribe_bind(consumer=consumer, stream=self._stream)

        return _NatsPull(self, self._call(bind, _REPLY_SECONDS))

    def close(self) -> None:
        """Sends what is waiting and disconnects. May be repeated."""
        if not self._closed:
            self._closed = True
            self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(_REPLY_SECONDS)

    def _call(self, make: Callable[[JetStreamContext], Coroutine[Any, Any, T]], seconds: float) -> T:
        if self._closed or not self._connected.wait(_CONNECT_WAIT_SECONDS) or self._jetstream is None:
            raise BrokerUnavailable("the broker is not connected")
        future = asyncio.run_coroutine_threadsafe(make(self._jetstream), self._loop)
        try:
            return future.result(seconds)
        except (nats.errors.Error, TimeoutError, OSError, concurrent.futures.CancelledError) as error:
            future.cancel()
            raise BrokerUnavailable(f"the broker did not do it: {type(error).__name__}") from error

    def _send(self, action: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Runs `action` on the loop without waiting; when it is lost the message comes again."""
        if not self._closed:
            asyncio.run_coroutine_threadsafe(_logged(action), self._loop)

    async def _ensure_stream(self, jetstream: JetStreamContext) -> None:
        try:
            await jetstream.stream_info(self._stream)
        except NotFoundError:
            await jetstream.add_stream(
                StreamConfig(
                    name=self._stream,
                    subjects=list(self._subjects),
                    storage=StorageType.FILE,
                    retention=RetentionPolicy.LIMITS,
                    duplicate_window=_DUPLICATE_WINDOW.total_seconds(),
                    max_age=_KEEP.total_seconds(),
                )
            )

    async def _publish(self, jetstream: JetStreamContext, messages: Sequence[Outgoing]) -> frozenset[str]:
        sent: dict[str, asyncio.Future[Any]] = {}
        for message in messages:
            headers = {**message.headers, "Nats-Msg-Id": message.message_id}
            try:
                sent[message.message_id] = await jetstream.publish_async(
                    message.subject, message.payload, headers=headers, stream=self._stream
                )
            except (nats.errors.Error, OSError) as error:
                if not sent:
                    raise
                _log.warning("publishing stopped", error=type(error).__name__, sent=len(sent), of=len(messages))
                break
        if sent:
            await asyncio.wait(sent.values(), timeout=_REPLY_SECONDS)
        for future in sent.values():
            future.cancel()  # does nothing to those that are done
        return frozenset(key for key, future in sent.items() if not future.cancelled() and future.exception() is None)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._live())
        finally:
            self._connected.clear()
            self._loop.close()

    async def _live(self) -> None:
        connecting = asyncio.create_task(self._keep_connected())
        await self._stop.wait()
        self._connected.clear()
        connecting.cancel()
        await self._client.close()  # also ends an attempt to connect, which does not heed being cancelled
        rest = asyncio.all_tasks() - {asyncio.current_task()}
        for task in rest:
            task.cancel()
        await asyncio.gather(*rest, return_exceptions=True)
        await asyncio.sleep(0)  # transports close their sockets in the turn of the loop after they were told to

    async def _keep_connected(self) -> None:
        while True:
            closed = asyncio.Event()
            self._client = Client()
            try:
                await self._connect(self._client, closed)
            except (nats.errors.Error, OSError) as error:
                _log.warning("the broker cannot be reached", error=type(error).__name__)
                await self._client.close()
                await asyncio.sleep(_RECONNECT_SECONDS)
                continue
            self._jetstream = self._client.jetstream(timeout=_REPLY_SECONDS)
            self._connected.set()
            await closed.wait()  # the client gave up, for instance because the token is refused
            self._connected.clear()
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _connect(self, client: Client, closed: asyncio.Event) -> None:
        async def on_disconnected() -> None:
            self._connected.clear()
            _log.warning("the broker is gone")

        async def on_reconnected() -> None:
            self._connected.set()
            _log.info("the broker is back")

        async def on_closed() -> None:
            closed.set()

        async def on_error(error: Exception) -> None:
            _log.debug("broker client", error=repr(error))

        await client.connect(
            self._url,
            name=self._name,
            max_reconnect_attempts=-1,
            reconnect_time_wait=_RECONNECT_SECONDS,
            disconnected_cb=on_disconnected,
            reconnected_cb=on_reconnected,
            closed_cb=on_closed,
            error_cb=on_error,
        )


async def _logged(action: Callable[[], Coroutine[Any, Any, None]]) -> None:
    try:
        await action()
    except (nats.errors.Error, OSError) as error:
        _log.warning("settling a message failed, it will come again", error=type(error).__name__)


class _NatsPull:
    def __init__(self, broker: NatsBroker, subscription: JetStreamContext.PullSubscription) -> None:
        self._broker = broker
        self._subscription = subscription

    def fetch(self, limit: int, wait: timedelta) -> Sequence[Delivery]:
        seconds = wait.total_seconds()

        async def fetch(_: JetStreamContext) -> list[Msg]:
            try:
                return await self._subscription.fetch(limit, timeout=seconds)
            except TimeoutError:
                return []

        messages = self._broker._call(fetch, seconds + _REPLY_SECONDS)  # noqa: SLF001  # one adapter, two classes
        return [_NatsDelivery(self._broker, message) for message in messages]

    def close(self) -> None:
        self._broker._send(self._subscription.unsubscribe)  # noqa: SLF001


class _NatsDelivery:
    def __init__(self, broker: NatsBroker, message: Msg) -> None:
        self._broker = broker
        self._message = message
        self.subject = message.subject
        self.headers: Mapping[str, str] = message.headers or {}
        self.payload = message.data
        self.deliveries = message.metadata.num_delivered
        self.sequence = message.metadata.sequence.stream

    def ack(self) -> None:
        self._broker._send(self._message.ack)  # noqa: SLF001

    def nak(self, delay: timedelta) -> None:
        self._broker._send(lambda: self._message.nak(delay.total_seconds()))  # noqa: SLF001

    def term(self) -> None:
        self._broker._send(self._message.term)  # noqa: SLF001
