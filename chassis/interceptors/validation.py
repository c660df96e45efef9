"""Checks each request against the rules its contract carries (protovalidate)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import buf.validate.validate_pb2  # noqa: F401  # registers the rules the descriptors carry
import protovalidate
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from chassis.contract import Method
from chassis.errors import FieldInvalid
from chassis.interceptors.server_call import Interceptor, Unreadable
from chassis.interceptors.sizes import SizeCheck
from chassis.v1.platform_errors import RequestMalformed
from chassis.violations import mistake_of, path_of

_validator: Final = protovalidate.Validator()
_MASK: Final = "update_mask"
_NOT_CHANGES: Final = frozenset({"name", "etag"})


def _updated_paths(request: Message, resource: FieldDescriptor) -> frozenset[str]:
    """Paths an update touches: its mask, or every populated field of the resource (AIP-134)."""
    mask: FieldMask = getattr(request, _MASK)
    fields = mask.paths or [field.name for field, _ in getattr(request, resource.name).ListFields()]
    return frozenset(f"{resource.name}.{field}" for field in fields) | {f"{resource.name}.name"}


def _refuse_nothing(request: Message, resource: FieldDescriptor) -> None:
    """Raises FieldInvalid for an update of nothing."""
    populated = {field.name for field, _ in getattr(request, resource.name).ListFields()}
    if not getattr(request, _MASK).paths and not populated - _NOT_CHANGES:
        raise FieldInvalid([(_MASK, "must name a field to change, or a field must be given")])


def _refuse_nul(request: Message) -> None:
    """Raises FieldInvalid for texts with a NUL character, which PostgreSQL cannot store."""
    fields = [path for path, text in _texts(request, "") if "\0" in text]
    if fields:
        raise FieldInvalid([(path, "must not contain a NUL character") for path in fields])


def _texts(message: Message, prefix: str) -> Iterator[tuple[str, str]]:
    for field, value in message.ListFields():
        held = field.message_type
        if held is not None and held.GetOptions().map_entry:
            yield from ((f"{prefix}{field.name}", key) for key in value if isinstance(key, str))
            values, held = (
                [(f"[{key!r}]", item) for key, item in value.items()],
                held.fields_by_name["value"].message_type,
            )
        else:
            values = [(f"[{i}]", item) for i, item in enumerate(value)] if field.is_repeated else [("", value)]
        for subscript, item in values:
            path = f"{prefix}{field.name}{subscript}"
            if held is not None:
                yield from _texts(item, f"{path}.")
            elif isinstance(item, str):
                yield path, item


def _resource_field(method: Method) -> FieldDescriptor | None:
    if _MASK not in method.request.fields_by_name:
        return None
    return next(field for field in method.request.fields if field.message_type is not None and field.name != _MASK)


def request_check(method: Method) -> Callable[[Any], None]:
    """Returns a function that raises RequestMalformed for what is no request and FieldInvalid for one that breaks a
    rule, naming every field. In an update only the fields that are being changed are held to their rules.
    """
    resource = _resource_field(method)
    check_sizes = SizeCheck(method.request)

    def check(request: Message | Unreadable) -> None:
        if isinstance(request, Unreadable):
            raise RequestMalformed(type=method.request.full_name)
        check_sizes(request)
        if b"\0" in request.SerializeToString():
            _refuse_nul(request)
        if resource is not None:
            _refuse_nothing(request, resource)
        found = _validator.collect_violations(request)
        if not found:
            return
        violations = [(path_of(violation), mistake_of(violation, method.request)) for violation in found]
        if resource is not None:
            touched = _updated_paths(request, resource)
            prefix = f"{resource.name}."
            violations = [
                (path, text)
                for path, text in violations
                if not path.startswith(prefix) or any(path == t or path.startswith((f"{t}.", f"{t}[")) for t in touched)
            ]
        if violations:
            raise FieldInvalid(violations)

    return check


class Validation(Interceptor):
    """Checks the request, or each request of a stream as it is read."""

    __slots__ = ()

    def __enter__(self) -> None:
        """Raises RequestMalformed or FieldInvalid."""
        call = self.call
        if call.endpoint.method.request_streaming:
            call.request = _checked(call.request, call.endpoint.check)
        else:
            call.endpoint.check(call.request)


def _checked(requests: Iterable[Any], check: Callable[[Any], None]) -> Iterator[Any]:
    for request in requests:
        check(request)
        yield request
