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
from chassis.violations import form_of, requirement

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
    for file in sorted(set(PROTOS.glob("bookstore/*/v1/*.proto")) - set(PROTOS.glob("bookstore/*/v1/*_errors.proto"))):
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


NUMBERS = frozenset({"gt", "gte", "lt", "lte", "const"})
"""Rules of numbers that protovalidate itself puts well."""


def _named_rules() -> Iterator[tuple[FieldDescriptor, str, Any]]:
    for field, rules in _fields():
        if rules.required:
            yield field, "required", True
        kind = rules.WhichOneof("type")
        for rule, value in getattr(rules, kind).ListFields() if kind else ():
            if rule.name not in {"example", "items", "keys", "values"} and value is not False:
                yield field, f"{kind}.{rule.name}", value


RULES = list(_named_rules())


@pytest.mark.parametrize(("field", "rule", "value"), RULES, ids=[f"{f.full_name}-{rule}" for f, rule, _ in RULES])
def test_every_rule_says_plainly_what_it_demands(field: FieldDescriptor, rule: str, value: Any) -> None:
    told = requirement(rule, value, field)
    if told is None:
        assert rule.rpartition(".")[2] in NUMBERS, f"{rule} has no words"
        return
    assert told.startswith("must ")
    assert not EXPRESSION & set(told), told
    assert "value" not in told.split()[:2]


def test_there_are_rules_to_look_at() -> None:
    kinds = {rule for _, rule, _ in RULES}
    assert kinds >= {
        "required",
        "enum.not_in",
        "enum.defined_only",
        "string.min_len",
        "string.email",
        "repeated.unique",
    }


@pytest.mark.parametrize(
    ("rule", "value", "told"),
    [
        ("string.min_len", 1, "must not be empty"),
        ("string.min_len", 12, "must have at least 12 characters"),
        ("string.max_len", 1, "must have at most 1 character"),
        ("repeated.min_items", 1, "must not be empty"),
        ("repeated.max_items", 20, "must have at most 20 items"),
        ("enum.not_in", [0], "must be given"),
        ("int32.not_in", [0], "must not be 0"),
        ("string.email_empty", True, "must be an email address, such as ada@example.com"),
        ("int32.gte_lte", 1, None),
    ],
)
def test_a_rule_in_words(rule: str, value: Any, told: str | None) -> None:
    assert requirement(rule, value, RULES[0][0]) == told
