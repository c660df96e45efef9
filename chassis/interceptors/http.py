"""Translates between HTTP and messages: If-Match is the request's etag; of the answer, 201 and Location tell what was
created and ETag tells the version.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Final

from chassis.errors import FieldInvalid
from chassis.interceptors.idempotency import REPLAYED_METADATA_KEY
from chassis.interceptors.server_call import Interceptor, ServerCall
from chassis.kernel.etag import ANY

STATUS_METADATA_KEY: Final = "x-bookstore-http-status"
"""Metadata by which a service tells the edge the HTTP status to answer; the edge removes it."""
_CREATED: Final = "201"
_API_ROOT: Final = "/v1/"
_IF_MATCH: Final = "if-match"
_LONGEST_IF_MATCH: Final = 1024  # characters: room for a list of some thirty


def _guarded(request: Any) -> Any:
    """The message whose `etag` guards a change: the request or, of an update, its resource. None: neither has one."""
    fields = request.DESCRIPTOR.fields_by_name
    if "etag" in fields:
        return request
    if "update_mask" not in fields:
        return None
    parts = (getattr(request, name) for name, field in fields.items() if field.message_type is not None)
    return next((part for part in parts if "etag" in part.DESCRIPTOR.fields_by_name), None)


def _take_etag(call: ServerCall) -> None:
    given = str(call.metadata[_IF_MATCH]).strip()
    guarded = _guarded(call.request) if given not in ("", ANY) else None
    if guarded is None or guarded.etag:
        return
    if len(given) > _LONGEST_IF_MATCH:
        raise FieldInvalid([("If-Match", f"must be at most {_LONGEST_IF_MATCH} characters")])
    guarded.etag = given


class Http(Interceptor):
    """Puts If-Match where the service compares it, unless the message itself has an etag, and sends `location` and
    `etag`, and whether it is a replay, as initial metadata of a unary response.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        """Raises FieldInvalid when If-Match is too long."""
        if _IF_MATCH in self.call.metadata and self.call.endpoint.method.unary:
            _take_etag(self.call)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Describes the response; trailers do not reach clients of the JSON listener."""
        method, response = self.call.endpoint.method, self.call.response
        if error is not None or response is None:
            return
        metadata = [(REPLAYED_METADATA_KEY, "true")] if self.call.replayed else []
        if method.creates:
            metadata += [(STATUS_METADATA_KEY, _CREATED), ("location", _API_ROOT + response.name)]
        if method.versioned and response.etag:
            metadata.append(("etag", response.etag))
        if metadata:
            self.call.context.send_initial_metadata(tuple(metadata))
