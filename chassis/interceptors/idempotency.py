"""Replays the stored answer of a request that was made before."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from chassis.call import caller
from chassis.contract import OPEN, Method
from chassis.errors import FieldInvalid
from chassis.idempotency import AnswerExists, RequestKey, current_request, fingerprint, has_secret, is_random, key_of
from chassis.interceptors.server_call import Endpoint, Handler, ServerCall

HEADER: Final = "idempotency-key"
"""Header that stands for the field request_id (IETF draft-ietf-httpapi-idempotency-key-header)."""
REPLAYED_METADATA_KEY: Final = "idempotent-replayed"
_HEADER_NAME: Final = "Idempotency-Key"
_UUID: Final = re.compile("[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_SAMPLE: Final = "such as 8e03978e-40d5-43dd-bc93-6894a57f9324: make a new one for each request"


def _take_key(call: ServerCall) -> None:
    """Puts the header where the service looks for it, unless the message itself has a request_id, in lower case.

    Raises FieldInvalid when the header is no UUID, or the UUID is not random where the response is safe only then.
    """
    request, field = call.request, "request_id"
    header = str(call.metadata.get(HEADER, "")).strip().removeprefix('"').removesuffix('"')  # the draft has quotes
    if header and not _UUID.fullmatch(header):
        raise FieldInvalid([(_HEADER_NAME, f"must be a UUID, {_SAMPLE}")])
    if header and not request.request_id:
        request.request_id, field = header, _HEADER_NAME
    request.request_id = request.request_id.lower()
    needs_random = _is_anonymous(call.endpoint.method) or has_secret(request.DESCRIPTOR)
    if request.request_id and needs_random and not is_random(request.request_id):
        raise FieldInvalid([(field, f"must be a random UUID (version 4) here, {_SAMPLE}")])


def _is_anonymous(method: Method) -> bool:
    """Returns whether an open method is called without a user; then only the calling service is known."""
    return caller().user is None and method.access in OPEN


def replaying(handler: Handler, endpoint: Endpoint) -> Callable[[ServerCall], Any]:
    """Returns the handler with a look-up under (caller, method, request_id) before it, where the method has a key.

    A new response is stored by `IdempotencyStore.transact`.
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
        _take_key(call)
        request = call.request
        if not request.request_id:
            return handler(request, call.context)
        who = caller()
        key = RequestKey(
            caller=who.user or ("anonymous" if _is_anonymous(method) else who.service or "anonymous"),
            method=method.path,
            key=key_of(request.request_id),
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
