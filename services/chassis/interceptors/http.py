"""Describes answers for HTTP: 201 and Location for what was created, ETag for what has a version."""

from __future__ import annotations

from typing import Any, Final

import grpc

from services.chassis.contract import Method
from services.chassis.interceptors.layer import Handler, Inside

STATUS_METADATA_KEY: Final = "x-bookstore-http-status"
"""Metadata by which a service tells the edge the HTTP status to answer; the edge removes it."""
_CREATED: Final = "201"
_API_ROOT: Final = "/v1/"


def around(proceed: Handler, method: Method, inside: Inside) -> Handler:
    """Sends `location` and `etag` as initial metadata of a unary answer."""
    versioned = "etag" in method.response.fields_by_name
    if method.response_streaming or not (versioned or method.creates):
        return proceed

    def described(request: Any, context: grpc.ServicerContext) -> Any:
        response = proceed(request, context)
        metadata: list[tuple[str, str | bytes]] = []
        if method.creates:
            metadata += [(STATUS_METADATA_KEY, _CREATED), ("location", _API_ROOT + response.name)]
        if versioned and response.etag:
            metadata.append(("etag", response.etag))
        context.send_initial_metadata(tuple(metadata))
        return response

    return described
