"""Gives every call a deadline: the client's or the contract's, whichever is sooner."""

from __future__ import annotations

from contextvars import Token
from types import TracebackType

from chassis.call import Call, enter_call, leave_call
from chassis.interceptors.server_call import Interceptor
from chassis.kernel import ANONYMOUS
from chassis.kernel.clock import monotonic
from chassis.v1.platform_errors import DeadlinePassed


class Deadline(Interceptor):
    """Sets the deadline of the current call."""

    __slots__ = ("_token",)

    _token: Token[Call | None]

    def __enter__(self) -> None:
        """Raises DeadlinePassed when the deadline passed while the call waited for a thread."""
        budget = min(self.call.context.time_remaining(), self.call.endpoint.method.timeout)
        if budget <= 0:
            raise DeadlinePassed(detail="the deadline passed before the call began")
        self._token = enter_call(Call(caller=ANONYMOUS, deadline=monotonic() + budget))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Ends the current call."""
        leave_call(self._token)
