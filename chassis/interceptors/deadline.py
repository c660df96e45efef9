"""Gives every call a deadline: the client's or the contract's, whichever is sooner."""

from __future__ import annotations

from typing import Any

import grpc

from chassis.call import Call, serving
from chassis.contract import Method
from chassis.errors import DeadlinePassed
from chassis.interceptors.layer import Handler, Inside
from chassis.kernel import ANONYMOUS
from chassis.kernel.clock import monotonic


def around(proceed: Handler, method: Method, inside: Inside) -> Handler:
    """Sets the deadline of the current call; refuses a call whose deadline passed while it waited for a thread."""

    def call_until_deadline(context: grpc.ServicerContext) -> Call:
        budget = min(context.time_remaining(), method.timeout)
        if budget <= 0:
            raise DeadlinePassed("the deadline passed before the call was begun")
        return Call(caller=ANONYMOUS, deadline=monotonic() + budget)

    def unary(request: Any, context: grpc.ServicerContext) -> Any:
        with serving(call_until_deadline(context)):
            return proceed(request, context)

    def streaming(request: Any, context: grpc.ServicerContext) -> Any:
        with serving(call_until_deadline(context)):
            yield from proceed(request, context)

    return streaming if method.response_streaming else unary
