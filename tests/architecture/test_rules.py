"""What clients are told when a field breaks a rule of its contract."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from buf.validate import validate_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor

import services
from chassis.violations import form_of

PROTOS = Path(services.__file__).parents[1] / "protos"
EXPRESSION = frozenset("[]{}^$\\*+?|")


def _messages(messages: Any) -> Iterator[Descriptor]:
    for message in messages:
        yield message
        yield from _messages(message.nested_types)


def _rules(rules: Any) -> Iterator[Any]:
    """The rules of a field and of what is in it."""
    yield rules
    if rules.repeated.HasField("items"):
        yield from _rules(rules.repeated.items)
    for part in ("keys", "values"):
        if rules.map.HasField(part):
            yield from _rules(getattr(rules.map, part))


def _fields() -> Iterator[tuple[FieldDescriptor, Any]]:
    for file in sorted(PROTOS.glob("bookstore/*/v1/*.proto")):
        module = importlib.import_module(".".join(file.relative_to(PROTOS).with_suffix("").parts) + "_pb2")
        for message in _messages(module.DESCRIPTOR.message_types_by_name.values()):
            for field in message.fields:
                for rules in _rules(field.GetOptions().Extensions[validate_pb2.field]):
                    yield field, rules


PATTERNS = [(field, rules.string.pattern) for field, rules in _fields() if rules.string.HasField("pattern")]
SENTENCES = sorted({rule.message for _, rules in _fields() for rule in rules.cel})


def test_there_are_patterns_and_sentences_to_look_at() -> None:
    assert len(PATTERNS) > 50
    assert SENTENCES


@pytest.mark.parametrize(("field", "pattern"), PATTERNS, ids=lambda value: getattr(value, "full_name", ""))
def test_a_pattern_is_put_into_words(field: FieldDescriptor, pattern: str) -> None:
    form = form_of(field, pattern)
    assert form, f"{field.full_name} needs (chassis.v1.form): its pattern does not say what it means"
    assert not EXPRESSION & set(form), form


@pytest.mark.parametrize("sentence", SENTENCES)
def test_no_rule_shows_an_expression(sentence: str) -> None:
    assert sentence
    assert not EXPRESSION & set(sentence)
