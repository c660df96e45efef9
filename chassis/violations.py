"""Breaches of the contracts' rules (protovalidate) in words: where, and what would be right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import protovalidate
from google.protobuf.descriptor import Descriptor, FieldDescriptor, OneofDescriptor

from chassis.v1 import policy_pb2

_WORDS: Final = {
    "required": "must be given",
    "unique": "must not contain the same value twice",
    "email": "must be an email address, such as ada@example.com",
    "uuid": "must be a UUID, such as 8e03978e-40d5-43dd-bc93-6894a57f9324",
}
_SIZES: Final = {
    "min_len": ("at least", "character"),
    "max_len": ("at most", "character"),
    "min_items": ("at least", "item"),
    "max_items": ("at most", "item"),
}
_ONE_CLASS: Final = re.compile(r"\^(?P<start>[\w/]*)\[(?P<signs>[^\]^]+)\]\{(?P<least>\d+),(?P<most>\d+)\}\$")
_SIGNS: Final = (  # each with the words for it; the first that fits is taken off
    ("A-Za-z", "letters"),
    ("a-z", "lower-case letters"),
    ("A-Z", "capital letters"),
    ("0-9", "digits"),
    ("_", "underscores"),
    ("-", "hyphens"),
)
_UNKNOWN_FORM: Final = "of the form that the contract describes"


def path_of(violation: protovalidate.Violation) -> str:
    """The field as the contract names it, such as `lines[0].book`."""
    path = ""
    for element in violation.proto.field.elements if violation.proto.field else ():
        path += f".{element.field_name}" if path else element.field_name
        subscript = element.subscript
        if subscript is not None:
            path += f"[{subscript.value!r}]" if isinstance(subscript.value, str) else f"[{subscript.value}]"
    return path


def mistake_of(violation: protovalidate.Violation, request: Descriptor) -> str:
    """What the field of a `request` must be; never a regular expression."""
    if violation.proto.field is None or not violation.proto.field.elements:
        return violation.proto.message or "is not valid"
    field = _field(violation, request)
    if isinstance(field, OneofDescriptor):
        return f"one of {', '.join(choice.name for choice in field.fields)} must be given"
    told = requirement(violation.proto.rule_id, violation.rule_value, field)
    return told or violation.proto.message or "is not valid"


def requirement(rule: str, value: Any, field: FieldDescriptor) -> str | None:
    """What a rule demands of a field; None where protovalidate's own message says it well, as of numbers. `rule` is
    protovalidate's id of it, such as `string.min_len`, `value` its argument.
    """
    kind, _, name = rule.removesuffix("_empty").rpartition(".")
    if name in _WORDS:
        return _WORDS[name]
    if name in _SIZES:
        return _size(_SIZES[name], value)
    match name:
        case "not_in" if list(value) == [0]:
            return "must be given" if kind == "enum" else "must not be 0"
        case "defined_only":
            return f"must be one of {', '.join(_choices(field))}"
        case "in" if kind == "string":
            return f"must be one of {', '.join(value)}"
        case "pattern":
            return f"must be {form_of(field, str(value)) or _UNKNOWN_FORM}"
    return None


def _size(rule: tuple[str, str], value: int) -> str:
    bound, noun = rule
    if (bound, value) == ("at least", 1):
        return "must not be empty"
    return f"must have {bound} {value} {noun}{'' if value == 1 else 's'}"


def _choices(field: FieldDescriptor) -> Iterator[str]:
    """The names of an enum's values but for the first, which stands for none."""
    assert field.enum_type is not None
    return (value.name for value in field.enum_type.values if value.number)


def form_of(field: FieldDescriptor, pattern: str) -> str | None:
    """What a text that matches the pattern of the field is; None where neither the contract nor the pattern says it."""
    return field.GetOptions().Extensions[policy_pb2.form] or _in_words(pattern)


def _field(violation: protovalidate.Violation, message: Descriptor) -> FieldDescriptor | OneofDescriptor:
    assert violation.proto.field is not None, "the rule is one of a field"
    *outer, last = (element.field_name for element in violation.proto.field.elements)
    for name in outer:
        inner = message.fields_by_name[name].message_type
        assert inner is not None
        message = inner
    return message.fields_by_name.get(last) or message.oneofs_by_name[last]


@lru_cache(maxsize=256)
def _in_words(pattern: str) -> str | None:
    found = _ONE_CLASS.fullmatch(pattern)
    if found is None:
        return None
    left, words = found["signs"], []
    for signs, word in _SIGNS:
        if signs in left:
            left = left.replace(signs, "", 1)
            words.append(word)
    if left:
        return None
    *others, last = words
    signs = f"{', '.join(others)} or {last}" if others else last
    text = f"{found['least']} to {found['most']} {signs}"
    return f"`{found['start']}` followed by {text}" if found["start"] else text
