"""The call being served: who calls, until when, and what travels on with calls made for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass

from chassis.kernel import ANONYMOUS, Caller
from chassis.kernel.clock import monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: the caller, the deadline on the monotonic clock in seconds, and the header with the user's token."""

    caller: Caller
    deadline: float | None = None
    authorization: str = ""


_current: ContextVar[Call | None] = ContextVar("call", default=None)


def enter_call(call: Call) -> Token[Call | None]:
    """Makes `call` the current one of this thread until `leave_call` gets the token."""
    return _current.set(call)


def leave_call(token: Token[Call | None]) -> None:
    """Makes the call before it the current one again."""
    _current.reset(token)


@contextmanager
def serving(call: Call) -> Iterator[None]:
    """Makes `call` the current one of this thread within the block."""
    token = enter_call(call)
    try:
        yield
    finally:
        leave_call(token)


def current_call() -> Call | None:
    """The call being served, or None in background work."""
    return _current.get()


def caller() -> Caller:
    """Who makes the current call; ANONYMOUS without one."""
    call = _current.get()
    return call.caller if call is not None else ANONYMOUS


def remaining() -> float | None:
    """Seconds until the deadline of the current call, negative when it has passed; None without a deadline."""
    call = _current.get()
    if call is None or call.deadline is None:
        return None
    return call.deadline - monotonic()
