"""Checks how long the lists and maps of a request are before anything looks at their items.

To validate one item takes tens of microseconds, and a request has room for a million of them. The limits are those of
the contract (protovalidate's repeated.max_items and map.max_pairs); they are read once per message type, so that a
check costs a few microseconds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message

from chassis.errors import FieldInvalid

FOREIGN_LIMIT: Final = 1000
"""Items of a list whose message is not ours, such as PostalAddress, and cannot carry our rules. The edge applies the
same number to JSON."""


class SizeCheck:
    """Checks messages of one type."""

    def __init__(self, message: Descriptor) -> None:
        self._types: dict[str, _Fields] = {}
        self._root = self._fields(message)

    def __call__(self, request: Message) -> None:
        """Raises FieldInvalid naming the lists and maps that are longer than their limit, without a look inside."""
        violations = list(_too_long(request, self._root, ""))
        if violations:
            raise FieldInvalid(violations)

    def _fields(self, message: Descriptor) -> _Fields:
        known = self._types.get(message.full_name)
        if known is not None:
            return known
        fields = self._types[message.full_name] = _Fields()  # before its fields: a type may hold itself
        for field in message.fields:
            if field.is_repeated:
                fields.limited.append((field.name, _limit(field), "entries" if _is_map(field) else "items"))
            inner = field.message_type
            if inner is not None and _is_map(field):
                inner = inner.fields_by_name["value"].message_type
            if inner is not None and _holds_lists(inner, set()):
                fields.nested.append((field, self._fields(inner)))
        return fields


class _Fields:
    """The fields of a message type that matter here: lists and maps with their limits, and what may hold some."""

    __slots__ = ("limited", "nested")

    def __init__(self) -> None:
        self.limited: list[tuple[str, int, str]] = []
        self.nested: list[tuple[FieldDescriptor, _Fields]] = []


def _too_long(message: Message, fields: _Fields, prefix: str) -> Iterator[tuple[str, str]]:
    found = False
    for name, limit, unit in fields.limited:
        length = len(getattr(message, name))
        if length > limit:
            found = True
            yield f"{prefix}{name}", f"must have at most {limit} {unit}, not {length}"
    if found:
        return
    for field, inner in fields.nested:
        value: Any = getattr(message, field.name)
        if not field.is_repeated:
            if message.HasField(field.name):
                yield from _too_long(value, inner, f"{prefix}{field.name}.")
        elif _is_map(field):
            for key, item in value.items():
                yield from _too_long(item, inner, f"{prefix}{field.name}[{key!r}].")
        else:
            for index, item in enumerate(value):
                yield from _too_long(item, inner, f"{prefix}{field.name}[{index}].")


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def _limit(field: FieldDescriptor) -> int:
    rules = field.GetOptions().Extensions[validate_pb2.field]
    if _is_map(field):
        return rules.map.max_pairs if rules.map.HasField("max_pairs") else FOREIGN_LIMIT
    return rules.repeated.max_items if rules.repeated.HasField("max_items") else FOREIGN_LIMIT


def _holds_lists(message: Descriptor, seen: set[str]) -> bool:
    if message.full_name in seen:
        return False
    seen.add(message.full_name)
    return any(
        field.is_repeated or (field.message_type is not None and _holds_lists(field.message_type, seen))
        for field in message.fields
    )
