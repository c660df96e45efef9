"""The shape of a layer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import grpc
from google.protobuf.message import DecodeError

from chassis.contract import Method
from chassis.idempotency import Answers
from chassis.kernel import Ids

# The four shapes of an RPC differ in request and response (message or iterator); a layer treats them alike.
Handler = Callable[[Any, grpc.ServicerContext], Any]
"""Request, or iterator of requests, in; response, or iterator of responses, out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inside:
    """What layers need to know of the process they run in."""

    context: str
    ids: Ids
    answers: Answers | None
    mutual_tls: bool


class Unreadable:
    """Stands for a request whose bytes are no message of its type, so that the layers can refuse it like any other."""


def lenient(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Reads as `deserialize` does and answers Unreadable where that raises DecodeError."""

    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return Unreadable()

    return read


class Layer(Protocol):
    """Wraps the handler of one method in another."""

    def __call__(self, proceed: Handler, method: Method, inside: Inside) -> Handler:
        """The handler that does the layer's work around `proceed`."""
        ...


def guard(check: Callable[[Any], None], proceed: Handler, method: Method) -> Handler:
    """A handler that lets `check` look at the request, or at each request of a stream, and refuse by raising."""

    def checked(requests: Any) -> Any:
        for request in requests:
            check(request)
            yield request

    def handle(request: Any, context: grpc.ServicerContext) -> Any:
        if method.request_streaming:
            return proceed(checked(request), context)
        check(request)
        return proceed(request, context)

    return handle
