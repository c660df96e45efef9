"""One call as the interceptors see it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final

import grpc
import structlog
from google.protobuf.message import DecodeError

from chassis.contract import Method
from chassis.idempotency import IdempotencyStore
from chassis.kernel import Ids, ServiceError
from chassis.tokens import TokenVerifier

_log = structlog.get_logger("rpc")
UNDECLARED: Final = "error not in the contract"
"""The log event of an error that the contract of its method does not list."""

# The four shapes of an RPC differ in request and response (message or iterator); interceptors treat them alike.
Handler = Callable[..., Any]
"""Takes a request, or an iterator of requests, and the context; returns a response, or an iterator of responses. A
non-blocking one takes a Send as well and returns nothing, see `chassis.watches`."""


def log_undeclared(method: Method, error: ServiceError) -> None:
    """Logs that a method returned an error its contract does not list."""
    _log.error(UNDECLARED, method=method.path, domain=error.domain, reason=error.reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerContext:
    """What interceptors need to know of the process they run in.

    `undeclared` is called with an error that the contract of the method does not list; it is returned all the same.
    """

    ids: Ids
    answers: IdempotencyStore | None
    mutual_tls: bool
    tokens: TokenVerifier | None = None
    undeclared: Callable[[Method, ServiceError], None] = log_undeclared


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A method as this process serves it; `check` raises FieldInvalid or RequestMalformed for a bad request."""

    method: Method
    server: ServerContext
    check: Callable[[Any], None]


class ServerCall:
    """A call being served. `request` and `response` are messages, or of streams an iterator and None."""

    __slots__ = ("context", "endpoint", "metadata", "replayed", "request", "response")

    def __init__(self, endpoint: Endpoint, request: Any, context: grpc.ServicerContext) -> None:
        self.endpoint = endpoint
        self.request = request
        self.context = context
        self.metadata: dict[str, Any] = dict(context.invocation_metadata())
        self.response: Any = None
        self.replayed = False


class Interceptor:
    """Does something around every call; one object per call, entered before the handler runs and left after it."""

    __slots__ = ("call",)

    def __init__(self, call: ServerCall) -> None:
        self.call = call

    def __enter__(self) -> None:
        """Before the handler; what it raises is the outcome of the call."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """After the handler."""


class Unreadable:
    """Stands for a request whose bytes are no message of its type, so that validation can reject it like any other."""


def lenient(deserialize: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Returns a function that reads as `deserialize` does, and returns Unreadable where that raises DecodeError."""

    def read(data: bytes) -> Any:
        try:
            return deserialize(data)
        except DecodeError:
            return Unreadable()

    return read
