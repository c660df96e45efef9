"""Breaches of the contracts' rules (protovalidate) in words: where, and what would be right."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

import protovalidate
from google.protobuf.descriptor import Descriptor, FieldDescriptor

from chassis.v1 import policy_pb2

_PATTERN_RULE: Final = "string.pattern"
"""protovalidate's id of the rule whose own message shows a regular expression."""
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
    if violation.proto.rule_id != _PATTERN_RULE:
        return violation.proto.message or "is not valid"
    field = _field(violation, request)
    return f"must be {form_of(field, str(violation.rule_value)) or _UNKNOWN_FORM}"


def form_of(field: FieldDescriptor, pattern: str) -> str | None:
    """What a text that matches the pattern of the field is; None where neither the contract nor the pattern says it."""
    return field.GetOptions().Extensions[policy_pb2.form] or _in_words(pattern)


def _field(violation: protovalidate.Violation, message: Descriptor) -> FieldDescriptor:
    assert violation.proto.field is not None, "the rule is one of a field"
    first, *inner = (element.field_name for element in violation.proto.field.elements)
    field = message.fields_by_name[first]
    for name in inner:
        assert field.message_type is not None
        field = field.message_type.fields_by_name[name]
    return field


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
