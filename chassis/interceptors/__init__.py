"""What happens around every call; one handler is composed per method when the server starts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import grpc

from chassis.contract import Method
from chassis.interceptors.access import Access
from chassis.interceptors.deadline import Deadline
from chassis.interceptors.errors import Errors
from chassis.interceptors.http import Http
from chassis.interceptors.idempotency import replaying
from chassis.interceptors.server_call import Endpoint, Handler, ServerCall, ServerContext
from chassis.interceptors.telemetry import Telemetry
from chassis.interceptors.validation import Validation, request_check
from chassis.watches import Send, is_non_blocking, non_blocking

__all__ = ["Handler", "ServerContext", "compose"]


@contextmanager
def _intercepted(call: ServerCall) -> Iterator[None]:
    """Enters every interceptor, outermost first.

    Telemetry must see the final outcome; Errors turns what is raised inside into a status; the deadline must be known
    before anything can wait; access is checked before the request is looked at; Http describes responses, new or
    replayed. Idempotency comes last (`replaying`), so that only valid and permitted requests are replayed; it can
    return a response in place of the handler's, which a context manager cannot.
    """
    with Telemetry(call), Errors(call), Deadline(call), Access(call), Validation(call), Http(call):
        yield


def compose(handler: Handler, method: Method, server: ServerContext) -> Handler:
    """Returns the handler of a method with every interceptor around it, of a non-blocking one around its opening."""
    endpoint = Endpoint(method=method, server=server, check=request_check(method))
    respond = replaying(handler, endpoint)

    def unary(request: Any, context: grpc.ServicerContext) -> Any:
        call = ServerCall(endpoint, request, context)
        with _intercepted(call):
            call.response = respond(call)
        return call.response

    def streaming(request: Any, context: grpc.ServicerContext) -> Any:
        call = ServerCall(endpoint, request, context)
        with _intercepted(call):
            yield from respond(call)

    def opening(request: Any, context: grpc.ServicerContext, send: Send) -> None:
        call = ServerCall(endpoint, request, context)
        with _intercepted(call):
            handler(call.request, context, send)

    if is_non_blocking(handler):
        composed: Handler = non_blocking(opening)
        return composed
    return streaming if method.response_streaming else unary
