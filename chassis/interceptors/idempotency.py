"""Replays the stored answer of a request that was made before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from chassis.call import caller
from chassis.errors import FieldInvalid
from chassis.idempotency import AnswerExists, RequestKey, current_request, fingerprint
from chassis.interceptors.server_call import Endpoint, Handler, ServerCall

HEADER: Final = "idempotency-key"
"""Header that stands for the field request_id (IETF draft-ietf-httpapi-idempotency-key-header)."""
REPLAYED_METADATA_KEY: Final = "idempotent-replayed"
_LONGEST_KEY: Final = 255  # characters, as Stripe's API and the draft's examples use


def _take_header(call: ServerCall) -> None:
    text = str(call.metadata.get(HEADER, ""))
    if text and not call.request.request_id:
        if len(text) > _LONGEST_KEY or not text.isprintable():
            raise FieldInvalid([("Idempotency-Key", f"at most {_LONGEST_KEY} printable characters")])
        call.request.request_id = text


def replaying(handler: Handler, endpoint: Endpoint) -> Callable[[ServerCall], Any]:
    """Returns the handler with a look-up under (caller, method, request_id) before it, where the method has a key.

    A new response is stored by `Answers.transact`.
    """
    method, answers = endpoint.method, endpoint.server.answers
    if not method.keyed or answers is None or not method.unary:
        return lambda call: handler(call.request, call.context)
    response_class = GetMessageClass(method.response)

    def replay(stored: bytes, call: ServerCall) -> Message:
        call.replayed = True
        call.context.set_trailing_metadata(((REPLAYED_METADATA_KEY, "true"),))
        return response_class.FromString(stored)

    def respond(call: ServerCall) -> Any:
        _take_header(call)
        request = call.request
        if not request.request_id:
            return handler(request, call.context)
        who = caller()
        key = RequestKey(
            caller=who.user or who.service or "anonymous",
            method=method.path,
            key=request.request_id,
            fingerprint=fingerprint(request),
        )
        stored = answers.recorded(key)
        if stored is not None:
            return replay(stored, call)
        token = current_request.set(key)
        try:
            return handler(request, call.context)
        except AnswerExists:
            stored = answers.recorded(key)
            if stored is None:
                raise
            return replay(stored, call)
        finally:
            current_request.reset(token)

    return respond
