"""Translates between HTTP and messages: If-Match is the request's etag; of the answer, 201 and Location tell what was
created and ETag tells the version.
"""

from __future__ import annotations

from typing import Any, Final

import grpc

from chassis.contract import Method
from chassis.errors import FieldInvalid
from chassis.interceptors.idempotency import REPLAYED_METADATA_KEY
from chassis.interceptors.layer import Handler, Inside

STATUS_METADATA_KEY: Final = "x-bookstore-http-status"
"""Metadata by which a service tells the edge the HTTP status to answer; the edge removes it."""
_CREATED: Final = "201"
_API_ROOT: Final = "/v1/"
_IF_MATCH: Final = "if-match"
_ANY: Final = "*"
_LONGEST_ETAG: Final = 128  # characters, as the contracts' rules say


def _guarded(request: Any) -> Any:
    """The message whose `etag` guards a change: the request or, of an update, its resource. None: neither has one."""
    fields = request.DESCRIPTOR.fields_by_name
    if "etag" in fields:
        return request
    if "update_mask" not in fields:
        return None
    parts = (getattr(request, name) for name, field in fields.items() if field.message_type is not None)
    return next((part for part in parts if "etag" in part.DESCRIPTOR.fields_by_name), None)


def _take_etag(request: Any, context: grpc.ServicerContext) -> None:
    given = next((str(value).strip() for key, value in context.invocation_metadata() if key == _IF_MATCH), "")
    guarded = _guarded(request) if given not in ("", _ANY) else None
    if guarded is None or guarded.etag:
        return
    if len(given) > _LONGEST_ETAG:
        raise FieldInvalid([("If-Match", f"must be at most {_LONGEST_ETAG} characters")])
    guarded.etag = given


def around(proceed: Handler, method: Method, inside: Inside) -> Handler:
    """Puts If-Match where the service compares it, unless the message itself has an etag, and sends `location` and
    `etag`, and whether it is a replay, as initial metadata of a unary answer.
    """
    versioned = "etag" in method.response.fields_by_name
    if method.request_streaming or method.response_streaming:
        return proceed

    def described(request: Any, context: grpc.ServicerContext) -> Any:
        _take_etag(request, context)
        response = proceed(request, context)
        # Trailers do not reach clients of the JSON listener.
        metadata = [pair for pair in context.trailing_metadata() or () if pair[0] == REPLAYED_METADATA_KEY]
        if method.creates:
            metadata += [(STATUS_METADATA_KEY, _CREATED), ("location", _API_ROOT + response.name)]
        if versioned and response.etag:
            metadata.append(("etag", response.etag))
        if metadata:
            context.send_initial_metadata(tuple(metadata))
        return response

    return described
