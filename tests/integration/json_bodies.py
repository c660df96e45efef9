"""Good JSON bodies made from descriptors, in all the spellings that ProtoJSON allows.

A body is a tree, so that the place of each value, as errors name it, is known.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from random import Random
from typing import Final

from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.descriptor_pb2 import FieldOptions

_DEEPEST: Final = 4
_TEXTS: Final = (
    "",
    "a",
    "Emma",
    'q"uo\\te\\',
    '{"x":[1.5',
    "ä\U0001f600\n",
    "\\u0022",
    "]}},{",
    "本" * 50,
    "null",
    "\x7f",
)
_WELL_KNOWN: Final[dict[str, tuple[str, tuple[str, ...]]]] = {  # kind, and JSON texts of it
    "google.protobuf.Any": (
        "packed",
        (
            '{"@type": "type.googleapis.com/google.protobuf.Duration", "value": "3s"}',
            '{"value": {"a": [1, null]}, "@type": "type.googleapis.com/google.protobuf.Struct"}',
        ),
    ),
    "google.protobuf.BoolValue": ("boolean", ("true", "false")),
    "google.protobuf.BytesValue": ("bytes", ('"YQ=="', '""')),
    "google.protobuf.DoubleValue": ("number", ("1.5", "-2e3", '"NaN"')),
    "google.protobuf.Duration": ("duration", ('"3s"', '"-1.5s"', '"0.000000001s"')),
    "google.protobuf.FieldMask": ("field_mask", ('"text"', '"text,innerThing.text"')),
    "google.protobuf.Int64Value": ("integer", ("5", '"-9223372036854775808"')),
    "google.protobuf.StringValue": ("string", ('"a"', '""')),
    "google.protobuf.Timestamp": ("timestamp", ('"2026-01-31T12:00:00Z"', '"2026-01-31T12:00:00.5+02:00"')),
}
_SCALARS: Final[dict[int, tuple[str, tuple[str, ...]]]] = {
    FieldDescriptor.CPPTYPE_BOOL: ("boolean", ("true", "false")),
    FieldDescriptor.CPPTYPE_DOUBLE: ("number", ("0", "1.5", "-0.25", "2e3", "1E-2", '"2.5"', '"-Infinity"', '"NaN"')),
    FieldDescriptor.CPPTYPE_FLOAT: ("number", ("0", "1.5", "-0.25", "2e3", '"Infinity"')),
    FieldDescriptor.CPPTYPE_INT32: ("integer", ("0", "1", "-3", "2147483647", '"7"', '"-8"')),
    FieldDescriptor.CPPTYPE_INT64: ("integer", ("0", "-9", '"9223372036854775807"', "9007199254740993")),
    FieldDescriptor.CPPTYPE_UINT32: ("integer", ("0", "1", "4294967295", '"7"')),
    FieldDescriptor.CPPTYPE_UINT64: ("integer", ("0", '"18446744073709551615"')),
}


@dataclass
class Node:
    """A value and its place. `text`, once set, replaces whatever the value was."""

    place: str
    kind: str
    text: str | None = None


@dataclass
class Scalar(Node):
    """A value written as `text`."""


@dataclass
class Items(Node):
    """A list."""

    items: list[Node] = field(default_factory=list)
    limit: int = 1000


@dataclass
class Member:
    """A name as JSON text and its value; `spellings` are all the names that mean the same."""

    name: str
    value: Node
    spellings: tuple[str, ...]


@dataclass
class Members(Node):
    """A message, a map (with the most entries it may have) or any object."""

    members: list[Member] = field(default_factory=list)
    limit: int = 1000


class Bodies:
    """Draws bodies."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def of(self, message: Descriptor, place: str = "") -> Members:
        """A body of the message, whose own place is `place`."""
        return self._message(message, place, 0)

    def text(self, node: Node) -> str:
        """The JSON text, with white space here and there."""
        if node.text is not None:
            return node.text
        space = self._space
        if isinstance(node, Items):
            return f"[{space()}" + ",".join(f"{space()}{self.text(item)}{space()}" for item in node.items) + "]"
        assert isinstance(node, Members)
        members = (f"{space()}{each.name}{space()}:{space()}{self.text(each.value)}{space()}" for each in node.members)
        return "{" + space() + ",".join(members) + "}"

    def _space(self) -> str:
        return self._random.choice(("", "", "", " ", "\n\t", "\r\n"))

    def _message(self, message: Descriptor, place: str, depth: int) -> Members:
        found = Members(place, message.full_name)
        groups: set[str] = set()
        fields = list(message.fields)
        self._random.shuffle(fields)
        for each in fields:
            group = each.containing_oneof
            if self._random.random() < 0.6 or (group is not None and group.name in groups):
                continue
            groups |= {group.name} if group is not None else set()
            where = f"{place}.{each.name}" if place else each.name
            value = self._field(each, where, depth)
            if value is not None:
                names = (each.name, each.json_name)
                found.members.append(Member(self._name(self._random.choice(names)), value, names))
        return found

    def _field(self, each: FieldDescriptor, place: str, depth: int) -> Node | None:
        if self._random.random() < 0.05:
            return Scalar(place, "null", "null")
        if is_map(each):
            return self._map(each, place, depth)
        if not each.is_repeated:
            return self._value(each, place, depth)
        found = Items(place, "list", limit=_limit(each))
        for index in range(self._random.randint(0, 3)):
            item = self._value(each, f"{place}[{index}]", depth)
            found.items += [item] if item is not None else []
        return found

    def _map(self, each: FieldDescriptor, place: str, depth: int) -> Node:
        assert each.message_type is not None
        key, value = (each.message_type.fields_by_name[name] for name in ("key", "value"))
        keys = {FieldDescriptor.CPPTYPE_BOOL: ["true", "false"], FieldDescriptor.CPPTYPE_INT32: ["0", "-1", "7"]}
        found = Members(place, "map", limit=_limit(each))
        for name in self._random.sample(keys.get(key.cpp_type, ["a", "b c", "ä", ""]), self._random.randint(0, 2)):
            item = self._value(value, f"{place}[{shown(name)}]", depth)
            if item is not None:
                found.members.append(Member(self._name(name), item, (name,)))
        return found

    def _value(self, each: FieldDescriptor, place: str, depth: int) -> Node | None:
        message = each.message_type
        if message is None:
            return self._scalar(each, place)
        if message.full_name in _WELL_KNOWN:
            kind, texts = _WELL_KNOWN[message.full_name]
            return Scalar(place, kind, self._random.choice(texts))
        if message.full_name == "google.protobuf.Struct":
            return self._object(place, depth)
        if message.full_name == "google.protobuf.ListValue":
            return self._list(place, depth)
        if message.full_name == "google.protobuf.Value":
            return self._anything(place, depth)
        return self._message(message, place, depth + 1) if depth < _DEEPEST else None

    def _scalar(self, each: FieldDescriptor, place: str) -> Scalar:
        if each.enum_type is not None:
            value = self._random.choice(each.enum_type.values)
            return Scalar(place, "enum", self._random.choice((f'"{value.name}"', str(value.number))))
        if each.type == FieldDescriptor.TYPE_BYTES:
            return Scalar(place, "bytes", self._random.choice(('"YQ=="', '"YQ"', '"_-8="', '""')))
        if each.type == FieldDescriptor.TYPE_STRING:
            return Scalar(place, "string", self._name(self._random.choice(_TEXTS)))
        kind, texts = _SCALARS[each.cpp_type]
        return Scalar(place, kind, self._random.choice(texts))

    def _anything(self, place: str, depth: int) -> Node:
        if depth < _DEEPEST and self._random.random() < 0.5:
            return self._random.choice((self._object, self._list))(place, depth)
        return Scalar(place, "any", self._random.choice(('"a"', "1.5", "-2e3", "0", "true", "null", '"ä"')))

    def _object(self, place: str, depth: int) -> Members:
        found = Members(place, "any")
        for name in self._random.sample(["a", "b_c", "@x", "ü", "1"], self._random.randint(0, 3)):
            value = self._anything(f"{place}[{shown(name)}]", depth + 1)
            found.members.append(Member(self._name(name), value, (name,)))
        return found

    def _list(self, place: str, depth: int) -> Items:
        count = self._random.randint(0, 3)
        return Items(place, "any", items=[self._anything(f"{place}[{index}]", depth + 1) for index in range(count)])

    def _name(self, name: str) -> str:
        return quoted(name, self._random)


def is_map(each: FieldDescriptor) -> bool:
    """Whether the field is a map."""
    return each.message_type is not None and bool(each.message_type.GetOptions().map_entry)


def _limit(each: FieldDescriptor) -> int:
    options = FieldOptions.FromString(each.GetOptions().SerializeToString())  # of this process's pool, with extensions
    rules = options.Extensions[validate_pb2.field]
    return (rules.map.max_pairs if is_map(each) else rules.repeated.max_items) or 1000


def quoted(name: str, random: Random) -> str:
    """A JSON string, in one of its many spellings."""
    text = json.dumps(name, ensure_ascii=random.random() < 0.5)
    if name and name[0].isascii() and name[0].isalnum() and random.random() < 0.2:
        return f'"\\u{ord(name[0]):04x}{text[2:]}'
    return text


def shown(name: str) -> str:
    """A client's name as errors repeat it."""
    return re.sub(rb"[^A-Za-z0-9_]", b"?", name.encode()[:60]).decode() or "?"
