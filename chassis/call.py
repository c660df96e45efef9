"""The call being served: who calls, until when, and what travels on with calls made for it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from chassis.kernel import ANONYMOUS, Caller
from chassis.kernel.clock import monotonic


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: the caller, the deadline on the monotonic clock in seconds, and the verified claims as received."""

    caller: Caller
    deadline: float | None = None
    claims: str = ""


_current: ContextVar[Call | None] = ContextVar("call", default=None)


@contextmanager
def serving(call: Call) -> Iterator[None]:
    """Makes `call` the current one of this thread."""
    token = _current.set(call)
    try:
        yield
    finally:
        _current.reset(token)


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
