"""What happens around every call; one handler is composed per method when the server starts.

ORDER is outermost first. `telemetry` must see the final outcome, `errors` turns what is inside into a status,
`deadline` must be known before anything can wait, `access` comes before a request is looked at, `validation` before it
is remembered, `http` describes answers whether new or replayed, and `idempotency` is last, so that only valid and
allowed requests can be replayed.
"""

from __future__ import annotations

from typing import Final

from chassis.contract import Method
from chassis.interceptors import access, deadline, errors, http, idempotency, telemetry, validation
from chassis.interceptors.layer import Handler, Inside, Layer

__all__ = ["ORDER", "Handler", "Inside", "Layer", "compose"]

ORDER: Final[tuple[Layer, ...]] = (
    telemetry.around,
    errors.around,
    deadline.around,
    access.around,
    validation.around,
    http.around,
    idempotency.around,
)


def compose(handler: Handler, method: Method, inside: Inside) -> Handler:
    """The handler of a method with every layer around it, the first of ORDER outermost."""
    for layer in reversed(ORDER):
        handler = layer(handler, method, inside)
    return handler
