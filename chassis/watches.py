"""Streams that tell clients of changes, without a thread for each.

A handler marked by `non_blocking` gets a function to send by, opens a watch and returns, which frees its thread. Two
threads must never send on one stream at once: grpcio keeps what is due in a set, and the second send would end its
serving thread and with it every call of the process. So each watched resource belongs to one sending thread, which
does all sends of its streams, the first message included.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Any, Final, Protocol

import grpc
import structlog

from chassis.call import remaining
from chassis.kernel.clock import monotonic
from chassis.v1.platform_errors import Overloaded

Send = Callable[[bytes | None], None]
"""Sends one serialized message; None ends the stream."""

_NON_BLOCKING: Final = "experimental_non_blocking"
_SENDERS: Final = 2
_LOOK_SECONDS: Final = 1.0
"""Another process may have changed a resource; this one hears of its own commits only."""
_TOGETHER_SECONDS: Final = 0.01  # commits that follow each other within it are told together
_REPEAT_SECONDS: Final = 15.0
"""Longest silence of a stream: proxies cut what is silent for a minute or less."""
_LAST_MESSAGE_SECONDS: Final = 0.5
"""Kept back from the deadline to send the last message."""

_log = structlog.get_logger(__name__)


def non_blocking(method: Callable[..., None]) -> Any:
    """Marks a servicer's method for a response stream: it is called with a Send as well and its thread is then free.

    grpcio names the attribute experimental; its own health service is built on it.
    """
    setattr(method, _NON_BLOCKING, True)
    return method


def is_non_blocking(handler: object) -> bool:
    """Whether the handler is marked so."""
    return getattr(handler, _NON_BLOCKING, False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """A resource at a version, serialized as a message that others follow and as the last one.

    After an update that is `final` nothing changes any more, and the stream ends with it.
    """

    version: int
    message: bytes
    last_message: bytes
    final: bool


class Source(Protocol):
    """Where watched resources are read. A call may raise; it is repeated."""

    def versions(self, names: Collection[str]) -> Mapping[str, int]:
        """Returns the current versions of those that exist."""
        ...

    def update(self, name: str) -> Update:
        """Returns the resource as it is."""
        ...


class Watches:
    """The open watches of one kind of resource in this process."""

    def __init__(
        self,
        source: Source,
        *,
        most: int = 1000,
        most_per_owner: int = 10,
        repeat_seconds: float = _REPEAT_SECONDS,
    ) -> None:
        """At most `most` are open, and `most_per_owner` of one owner."""
        self._most = most
        self._most_per_owner = most_per_owner
        self._owners: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._closed = False
        self._senders = [_Sender(source, f"watch-{number}", repeat_seconds) for number in range(_SENDERS)]

    @property
    def count(self) -> int:
        """How many are open."""
        return self._owners.total()

    def open(self, name: str, update: Update, *, owner: str, context: grpc.ServicerContext, send: Send) -> None:
        """Sends `update` of the resource `name`, its later ones, and the last message when the deadline comes.

        Returns at once. Raises Overloaded when too many are open.
        """
        left = remaining()
        deadline = float("inf") if left is None else monotonic() + left - _LAST_MESSAGE_SECONDS
        stream = _Stream(name, send, deadline)
        self._take_place(owner)

        def ended() -> None:
            stream.is_open = False
            self._free_place(owner)

        if not context.add_callback(ended):  # the client has gone already
            ended()
        elif self._closed:
            stream.end(update)
        else:
            self._senders[hash(name) % _SENDERS].add(stream, update)

    def wake(self) -> None:
        """Looks for changes now; for `Database.on_commit`."""
        for sender in self._senders:
            sender.wake()

    def close(self) -> None:
        """Ends every watch with a last message; later ones get nothing else."""
        self._closed = True
        for sender in self._senders:
            sender.close()

    def _take_place(self, owner: str) -> None:
        with self._lock:
            if self._owners[owner] >= self._most_per_owner:
                limit = self._most_per_owner
                raise Overloaded(
                    limit=limit, detail=f"{limit} watches of yours are open, which is the limit; end one first"
                )
            if self._owners.total() >= self._most:
                raise Overloaded(limit=self._most, detail="too many watches are open; try again later")
            self._owners[owner] += 1

    def _free_place(self, owner: str) -> None:
        with self._lock:
            self._owners[owner] -= 1
            if not self._owners[owner]:
                del self._owners[owner]


class _Stream:
    """One open watch. `is_open` is cleared by another thread; the rest belongs to the sending thread."""

    __slots__ = ("deadline", "is_open", "name", "repeat_at", "send", "version")

    def __init__(self, name: str, send: Send, deadline: float) -> None:
        self.name = name
        self.send = send
        self.deadline = deadline
        self.is_open = True
        self.version = -1
        self.repeat_at = float("inf")

    def end(self, update: Update) -> None:
        """Sends the last message."""
        self.is_open = False
        self.send(update.last_message)
        self.send(None)


class _Sender:
    """A thread, started when first needed, and the watches of the resources that belong to it."""

    def __init__(self, source: Source, name: str, repeat_seconds: float) -> None:
        self._source = source
        self._name = name
        self._repeat_seconds = repeat_seconds
        self._arriving: SimpleQueue[tuple[_Stream, Update]] = SimpleQueue()
        self._streams: dict[str, list[_Stream]] = {}
        self._updates: dict[str, Update] = {}
        self._woken = threading.Event()
        self._closing = threading.Event()
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None

    def add(self, stream: _Stream, update: Update) -> None:
        """Takes a watch over."""
        self._arriving.put((stream, update))
        with self._starting:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        self._woken.set()

    def wake(self) -> None:
        """Asks for a look at the versions, if anything is watched."""
        if self._streams:
            self._woken.set()

    def close(self) -> None:
        """Ends the watches and waits until they have their last message."""
        self._closing.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(_LOOK_SECONDS)

    def _run(self) -> None:
        while True:
            self._woken.wait(self._pause())
            self._woken.clear()
            closing = self._closing.is_set()
            try:
                self._take_arrivals()
                self._look()
            except Exception as error:  # noqa: BLE001  # whatever a source raises, the streams and their deadlines stay
                _log.warning("watched resources cannot be read", exc_info=error)
            self._tell(closing)
            if closing:
                return
            self._closing.wait(_TOGETHER_SECONDS)

    def _pause(self) -> float | None:
        if not self._streams:
            return None
        due = min(min(stream.deadline, stream.repeat_at) for streams in self._streams.values() for stream in streams)
        return max(0.0, min(_LOOK_SECONDS, due - monotonic()))

    def _take_arrivals(self) -> None:
        while True:
            try:
                stream, update = self._arriving.get_nowait()
            except Empty:
                break
            self._streams.setdefault(stream.name, []).append(stream)
            known = self._updates.get(stream.name)
            if known is None or known.version < update.version:
                self._updates[stream.name] = update

    def _look(self) -> None:
        if not self._streams:
            return
        versions = self._source.versions(self._streams.keys())
        for name, known in self._updates.items():
            if versions.get(name, known.version) != known.version:
                self._updates[name] = self._source.update(name)

    def _tell(self, closing: bool) -> None:
        now = monotonic()
        for name, streams in list(self._streams.items()):
            update = self._updates[name]
            for stream in streams:
                try:
                    self._tell_one(stream, update, now, closing=closing)
                except Exception as error:  # noqa: BLE001  # one stream must not end the thread of all
                    stream.is_open = False
                    _log.warning("a watch cannot be sent to", exc_info=error)
            self._streams[name] = [stream for stream in streams if stream.is_open]
            if not self._streams[name]:
                del self._streams[name], self._updates[name]

    def _tell_one(self, stream: _Stream, update: Update, now: float, *, closing: bool) -> None:
        if not stream.is_open:
            return
        if update.final or closing or now >= stream.deadline:
            stream.end(update)
        elif stream.version != update.version or now >= stream.repeat_at:
            stream.version, stream.repeat_at = update.version, now + self._repeat_seconds
            stream.send(update.message)
