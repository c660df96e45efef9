"""The subset of AIP-160 filters and AIP-132 orders that list methods accept.

A filter is one or more comparisons joined by AND: `price.minor >= 1000 AND state = ACTIVE AND title:"war"`. A field is
one of those the method names; an operator is = != < <= > >= or `:` (has), of which each field takes some and rejects
the others. A value is a word or a text in quotes with backslash escapes. An asterisk at its beginning or end is a
wildcard, which only some fields take, at the end; `\\*` is the character. `field:*` asks that the field has a value. At
most 1024 bytes and ten comparisons; no OR, NOT or parentheses. Field names may be written as in JSON (`createTime`).
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import ColumnElement, literal

from chassis.kernel import resource_id
from chassis.paging import Order, OrderKey
from chassis.v1.platform_errors import FilterInvalid

LONGEST_FILTER_BYTES: Final = 1024
MOST_TERMS: Final = 10
EQUAL: Final = frozenset({"="})
RANGE: Final = frozenset({"<", "<=", ">", ">="})

_FIELD: Final = re.compile(r"\s*([A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*)")
_OPERATOR: Final = re.compile(r"\s*(!=|<=|>=|=|<|>|:)")
_QUOTED: Final = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')(?=\s|$)""", re.DOTALL)
_WORD: Final = re.compile(r"""\s*([^\s"'()=<>!]+)(?=\s|$)""")
_AND: Final = re.compile(r"\s+AND(?=\s|$)")
_ORDER_TERM: Final = re.compile(r"([A-Za-z][A-Za-z0-9_.]*)(?:\s+(asc|desc))?")
_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])([A-Z])")
_LARGEST_INTEGER: Final = 2**63 - 1
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], ColumnElement[bool]]]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_EQUALITY: Final = frozenset({"=", "!="})
_ALL: Final = frozenset(_COMPARISONS)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterField:
    """A field that may be filtered by.

    `convert` makes the database's value of the text (ValueError says what was expected), `operators` are the
    comparisons that make sense, `has` is the meaning of `:`, if it has one, `equal` that of `=` where a text may end
    with the wildcard `*`.
    """

    column: ColumnElement[Any]
    convert: Callable[[str], Any]
    operators: frozenset[str]
    has: Callable[[Any], ColumnElement[bool]] | None = None
    equal: Callable[[Any], ColumnElement[bool]] | None = None


def value_field(
    column: ColumnElement[Any],
    convert: Callable[[str], Any],
    *,
    operators: frozenset[str] = EQUAL,
    equal: Callable[[Any], ColumnElement[bool]] | None = None,
) -> FilterField:
    """A field of one value, without `:`, which of a text would ask for a part; see FilterField for the rest."""
    return FilterField(column=column, convert=convert, operators=operators, equal=equal)


def text_field(
    column: ColumnElement[Any], *, normal: Callable[[str], str] = str, operators: frozenset[str] = _ALL
) -> FilterField:
    """A text, compared exactly; `:` asks for a part of it, whatever the case of letters.

    `normal` makes of what was asked the form in which the column has it.
    """
    return FilterField(
        column=column,
        convert=lambda text: normal(storable(text)),
        operators=operators,
        has=lambda value: column.icontains(value, autoescape=True),
    )


def number_field(column: ColumnElement[Any], *, operators: frozenset[str] = _ALL) -> FilterField:
    """A whole number."""
    return value_field(column, _integer, operators=operators)


def moment_field(column: ColumnElement[Any], *, operators: frozenset[str] = _ALL) -> FilterField:
    """A moment, written as RFC 3339 with a time zone."""
    return value_field(column, _moment, operators=operators)


def choice_field(
    column: ColumnElement[Any], choices: Mapping[str, Any], *, operators: frozenset[str] = _EQUALITY
) -> FilterField:
    """One of some names; `choices` maps each to the database's value."""
    return value_field(column, lambda text: _chosen(choices, text), operators=operators)


def enum_field(column: ColumnElement[Any], names: type[StrEnum], *, prefix: str) -> FilterField:
    """A value of an enum of the contract, with or without its `prefix` (`STATE_`), in capitals or not.

    The column has the values of `names`, which are those of the contract without the prefix.
    """
    choices = {name.value: name.value for name in names}
    return value_field(column, lambda text: _chosen(choices, text.upper().removeprefix(prefix)))


def name_field(column: ColumnElement[Any], collection: str) -> FilterField:
    """The name of a resource of `collection`, such as `orders/1`, in a column of such names."""
    return value_field(column, lambda text: f"{collection}/{_id_in(collection, text)}")


def id_field(column: ColumnElement[Any], collection: str) -> FilterField:
    """The name of a resource of `collection`, in a column of ids."""
    return value_field(column, lambda text: _id_in(collection, text))


def member_field(column: ColumnElement[Any], has: Callable[[str], ColumnElement[bool]]) -> FilterField:
    """A repeated field: only `:` applies; `has` makes the condition that one of its values is the given text.

    `column` says by NULL whether there is any value.
    """
    return FilterField(column=column, convert=storable, operators=frozenset(), has=has)


def storable(text: str) -> str:
    """The text, if every engine can hold it. Raises ValueError for a zero character, which PostgreSQL refuses."""
    if "\0" in text:
        raise ValueError("must not contain NUL")
    return text


def parse_filter(text: str, fields: Mapping[str, FilterField]) -> tuple[ColumnElement[bool], ...]:
    """The conditions a filter asks for, for `select(…).where(*conditions)`; none for an empty one.

    Raises FilterInvalid.
    """
    if len(text.encode()) > LONGEST_FILTER_BYTES:
        raise FilterInvalid(
            detail=f"a filter has at most {LONGEST_FILTER_BYTES} bytes", field="filter", parameter="filter"
        )
    conditions: list[ColumnElement[bool]] = []
    position, end = 0, len(text.rstrip())
    while position < end:
        if conditions:
            position = _joint(text, position)
        if len(conditions) == MOST_TERMS:
            raise FilterInvalid(
                detail=f"a filter has at most {MOST_TERMS} comparisons", field="filter", parameter="filter"
            )
        condition, position = _comparison(text, position, fields)
        conditions.append(condition)
    return tuple(conditions)


def parse_order_by(
    text: str, fields: Mapping[str, ColumnElement[Any]], *, default: str, key: ColumnElement[Any]
) -> Order:
    """The order that `order_by` asks for (`price.minor desc, title`), `default` when empty; ties are broken by `key`.

    `key` is unique, usually the primary key. Raises FilterInvalid.
    """
    keys: list[OrderKey] = []
    names: set[str] = set()
    for term in (text.strip() or default).split(","):
        match = _ORDER_TERM.fullmatch(term.strip())
        if match is None:
            raise FilterInvalid(
                detail="order_by is a list such as `title, create_time desc`", field="order_by", parameter="order_by"
            )
        name = _snake(match[1])
        if name not in fields:
            raise _unknown(match[1], fields, "order_by")
        if name in names:
            raise FilterInvalid(detail=f"{name} is named twice", field=name, parameter="order_by")
        names.add(name)
        keys.append(OrderKey(column=fields[name], descending=match[2] == "desc"))
    if not any(one.column is key for one in keys):
        keys.append(OrderKey(column=key, descending=keys[-1].descending))
    return tuple(keys)


def _comparison(text: str, position: int, fields: Mapping[str, FilterField]) -> tuple[ColumnElement[bool], int]:
    found = _FIELD.match(text, position)
    if found is None:
        raise FilterInvalid(
            detail=f"a field is expected at character {position + 1}", field="filter", parameter="filter"
        )
    name = _snake(found[1])
    field = fields.get(name)
    if field is None:
        raise _unknown(found[1], fields, "filter")
    sign = _OPERATOR.match(text, found.end())
    if sign is None:
        raise FilterInvalid(detail=f"{name} needs one of {_allowed(field)} and a value", field=name, parameter="filter")
    quoted = _QUOTED.match(text, sign.end())
    value = quoted or _WORD.match(text, sign.end())
    if value is None:
        raise FilterInvalid(detail=f"{name} needs a word or a text in quotes", field=name, parameter="filter")
    content = _unquoted(value[1]) if quoted else value[1]
    if sign[1] == ":" and not quoted and content == "*":
        return field.column.is_not(None), value.end()
    _check_wildcard(name, field, sign[1], value[1].strip("\"'") if quoted else content)
    return _condition(name, field, sign[1], content), value.end()


def _condition(name: str, field: FilterField, sign: str, content: str) -> ColumnElement[bool]:
    if sign not in field.operators and (sign != ":" or field.has is None):
        raise FilterInvalid(detail=f"{name} takes {_allowed(field)}, not {sign}", field=name, parameter="filter")
    try:
        value = field.convert(content)
    except ValueError as error:
        raise FilterInvalid(detail=f"{name}: {error}", field=name, parameter="filter") from error
    if sign == ":" and field.has is not None:
        return field.has(value)
    if sign == "=" and field.equal is not None:
        return field.equal(value)
    return _COMPARISONS[sign](field.column, literal(value, field.column.type))


def _allowed(field: FilterField) -> str:
    return " ".join([sign for sign in _COMPARISONS if sign in field.operators] + ([":"] if field.has else []))


def _check_wildcard(name: str, field: FilterField, sign: str, text: str) -> None:
    ends = text.endswith("*") and not text.endswith("\\*")
    if text.startswith("*") and text != "*":
        raise FilterInvalid(
            detail=f"{name} takes no * at the beginning; write \\* for the character", field=name, parameter="filter"
        )
    if ends and (field.equal is None or sign != "="):
        raise FilterInvalid(detail=f"{name} takes no *; write \\* for the character", field=name, parameter="filter")


def _joint(text: str, position: int) -> int:
    joint = _AND.match(text, position)
    if joint is None:
        raise FilterInvalid(detail=f"AND is expected at character {position + 1}", field="filter", parameter="filter")
    return joint.end()


def _unknown(name: str, fields: Mapping[str, Any], parameter: str) -> FilterInvalid:
    known = ", ".join(sorted(fields))
    return FilterInvalid(detail=f"{name} is not one of {known}", field=name, parameter=parameter)


def _snake(name: str) -> str:
    return _CAPITAL.sub(r"_\1", name).lower()


def _unquoted(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)


def _id_in(collection: str, text: str) -> str:
    try:
        return resource_id(collection, storable(text))
    except ValueError:
        raise ValueError(f"a name of the form {collection}/{{id}} is expected") from None


def _integer(text: str) -> int:
    if not re.fullmatch(r"-?[0-9]{1,19}", text) or abs(int(text)) > _LARGEST_INTEGER:
        raise ValueError("a whole number is expected")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError("a moment such as 2026-01-31T12:00:00Z is expected")
    return moment


def _chosen(choices: Mapping[str, Any], text: str) -> Any:
    if text not in choices:
        raise ValueError(f"one of {', '.join(sorted(choices))} is expected")
    return choices[text]
