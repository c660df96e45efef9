"""Replays the stored answer of a request that was made before."""

from __future__ import annotations

from typing import Any, Final

import grpc
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from chassis.call import caller
from chassis.contract import Method
from chassis.errors import FieldInvalid
from chassis.idempotency import AnswerExists, RequestKey, current_request, fingerprint
from chassis.interceptors.layer import Handler, Inside

HEADER: Final = "idempotency-key"
"""Header that stands for the field request_id (IETF draft-ietf-httpapi-idempotency-key-header)."""
REPLAYED_METADATA_KEY: Final = "idempotent-replayed"
_LONGEST_KEY: Final = 255  # characters, as Stripe's API and the draft's examples use


def _take_header(request: Message, context: grpc.ServicerContext) -> None:
    for key, value in context.invocation_metadata():
        if key == HEADER and not getattr(request, "request_id"):  # noqa: B009  # the field is known by contract
            text = str(value)
            if len(text) > _LONGEST_KEY or not text.isprintable():
                raise FieldInvalid([("Idempotency-Key", f"at most {_LONGEST_KEY} printable characters")])
            setattr(request, "request_id", text)  # noqa: B010


def around(proceed: Handler, method: Method, inside: Inside) -> Handler:
    """Looks up the answer under (caller, method, request_id) first; a new one is stored by `Answers.transact`."""
    answers = inside.answers
    if not method.keyed or answers is None or method.request_streaming or method.response_streaming:
        return proceed
    response_class = GetMessageClass(method.response)

    def replay(stored: bytes, context: grpc.ServicerContext) -> Message:
        context.set_trailing_metadata(((REPLAYED_METADATA_KEY, "true"),))
        return response_class.FromString(stored)

    def handle(request: Any, context: grpc.ServicerContext) -> Any:
        _take_header(request, context)
        if not request.request_id:
            return proceed(request, context)
        who = caller()
        key = RequestKey(
            caller=who.user or who.service or "anonymous",
            method=method.path,
            key=request.request_id,
            fingerprint=fingerprint(request),
        )
        stored = answers.recorded(key)
        if stored is not None:
            return replay(stored, context)
        token = current_request.set(key)
        try:
            return proceed(request, context)
        except AnswerExists:
            stored = answers.recorded(key)
            if stored is None:
                raise
            return replay(stored, context)
        finally:
            current_request.reset(token)

    return handle
