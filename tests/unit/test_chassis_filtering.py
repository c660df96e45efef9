"""Filters and orders: what they select, and how bad ones are refused."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import (
    Column,
    Connection,
    Date,
    Integer,
    MetaData,
    Table,
    Text,
    create_engine,
    exists,
    insert,
    select,
)

from chassis.database import Instant
from chassis.filtering import (
    RANGE,
    FilterField,
    choice_field,
    enum_field,
    id_field,
    member_field,
    moment_field,
    name_field,
    number_field,
    parse_filter,
    parse_order_by,
    text_field,
    value_field,
)
from chassis.v1.platform_errors import FilterInvalid

metadata = MetaData()
items = Table(
    "items",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("title", Text, nullable=False),
    Column("price", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("made", Instant, nullable=False),
    Column("day", Date),
    Column("maker", Text, nullable=False),
    Column("shelf", Text, nullable=False),
    Column("form", Text, nullable=False),
)
tags = Table("tags", metadata, Column("item", Integer), Column("tag", Text))


class Form(StrEnum):
    """How a thing is made."""

    SOFT = "SOFT"
    HARD = "HARD"


FIELDS: Final[dict[str, FilterField]] = {
    "title": text_field(items.c.title),
    "price.minor": number_field(items.c.price),
    "state": choice_field(items.c.state, {"ACTIVE": "active", "GONE": "gone"}),
    "create_time": moment_field(items.c.made),
    "day": value_field(items.c.day, date.fromisoformat, operators=RANGE),
    "maker": name_field(items.c.maker, "users"),
    "serial": value_field(items.c.maker, str),
    "shelf": id_field(items.c.shelf, "shelves"),
    "form": enum_field(items.c.form, Form, prefix="FORM_"),
    "tags": member_field(items.c.id, lambda tag: exists().where(tags.c.item == items.c.id, tags.c.tag == tag)),
}
ROWS: Final = [
    (1, "War and Peace", 1500, "active", datetime(2026, 1, 1, tzinfo=UTC), date(1869, 1, 1), ["war", "long"]),
    (2, 'The "Stranger"', 900, "active", datetime(2026, 1, 2, tzinfo=UTC), None, ["short"]),
    (3, "100% Wolf", 1500, "gone", datetime(2026, 1, 3, 12, tzinfo=UTC), date(2009, 5, 1), []),
]


@pytest.fixture(scope="module")
def connection() -> Iterator[Connection]:
    engine = create_engine("sqlite://")
    metadata.create_all(engine)
    with engine.begin() as connection:
        for identifier, title, price, state, made, day, its_tags in ROWS:
            row = {"id": identifier, "title": title, "price": price, "state": state}
            row |= {"maker": f"users/{identifier}", "shelf": str(identifier), "form": Form.HARD if day else Form.SOFT}
            connection.execute(insert(items), {**row, "made": made, "day": day})
            for tag in its_tags:
                connection.execute(insert(tags), {"item": identifier, "tag": tag})
        yield connection
    engine.dispose()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [1, 2, 3]),
        ("   ", [1, 2, 3]),
        ("price.minor > 900", [1, 3]),
        ("price.minor>=900 AND price.minor <1500", [2]),
        ("price.minor != 1500", [2]),
        ('title = "War and Peace"', [1]),
        ("title = 'War and Peace'", [1]),
        (r'title = "The \"Stranger\""', [2]),
        ("title:war", [1]),
        ("title:100%", [3]),
        ('title:"%"', [3]),
        ('title:"_"', []),
        ("state = ACTIVE", [1, 2]),
        ("state != ACTIVE", [3]),
        ("form=HARD AND state=ACTIVE AND price.minor=1500", [1]),
        ("create_time < 2026-01-02T00:00:00Z", [1]),
        ('createTime >= "2026-01-03T13:00:00+01:00"', [3]),
        ("day > 1900-01-01", [3]),
        ("day:*", [1, 3]),
        ("maker = users/2", [2]),
        ("maker = users/4", []),
        ('shelf = "shelves/3"', [3]),
        ("form = HARD", [1, 3]),
        ("form = FORM_SOFT", [2]),
        ("form = form_soft", [2]),
        ("tags:war", [1]),
        ("tags:war AND tags:long", [1]),
        ("tags:war AND tags:short", []),
        ("  state  =  ACTIVE  AND  tags : short  ", [2]),
    ],
)
def test_a_filter_selects(connection: Connection, text: str, expected: list[int]) -> None:
    query = select(items.c.id).where(*parse_filter(text, FIELDS)).order_by(items.c.id)
    assert list(connection.execute(query).scalars()) == expected


@pytest.mark.parametrize(
    ("text", "field", "part"),
    [
        (
            "colour = red",
            "colour",
            "not one of create_time, day, form, maker, price.minor, serial, shelf, state, tags, title",
        ),
        ("price.minor", "price.minor", "needs one of"),
        ("price.minor =", "price.minor", "needs a word"),
        ("price.minor = cheap", "price.minor", "whole number"),
        ("price.minor = 99999999999999999999", "price.minor", "whole number"),
        ("price.minor = 1 OR state = GONE", "filter", "AND is expected"),
        ("price.minor = 1 state = GONE", "filter", "AND is expected"),
        ("NOT state = GONE", "NOT", "not one of"),
        ("(state = GONE)", "filter", "a field is expected at character 1"),
        ("state = GONE AND", "filter", "a field is expected at character 17"),
        ("state = GONE AND  ", "filter", "a field is expected at character 17"),
        ("AND state = GONE", "AND", "not one of"),
        ("state = BROKEN", "state", "one of ACTIVE, GONE"),
        ("state > ACTIVE", "state", "state takes = !=, not >"),
        ("tags = war", "tags", "tags takes :, not ="),
        ("maker = 2", "maker", "users/{id}"),
        ('maker = "users/\0"', "maker", "users/{id}"),
        ("maker != users/2", "maker", "maker takes =, not !="),
        ("shelf = users/2", "shelf", "shelves/{id}"),
        ("form = PAPER", "form", "one of HARD, SOFT"),
        ("form = STATE_HARD", "form", "one of HARD, SOFT"),
        ("form != HARD", "form", "form takes =, not !="),
        ("create_time > 2026-01-02T00:00:00", "create_time", "2026-01-31T12:00:00Z"),
        ("create_time > yesterday", "create_time", "2026-01-31T12:00:00Z"),
        ("day > 1900-02-30", "day", "day is out of range"),
        ("day = 1900-02-03", "day", "day takes < <= > >=, not ="),
        ("price.minor:900", "price.minor", "takes = != < <= > >=, not :"),
        ("state:GONE", "state", "takes = !=, not :"),
        ("serial:a", "serial", "serial takes =, not :"),
        ('serial = "*a*"', "serial", "takes no * at the beginning"),
        ('serial = "a*"', "serial", "takes no *"),
        ('title = "*war"', "title", "takes no * at the beginning"),
        ('title:"war*"', "title", "takes no *"),
        ("tags:wa*", "tags", "takes no *"),
        ('title = "open', "title", "needs a word"),
        ('title = "a"b', "title", "needs a word"),
        ("title = a\0b", "title", "NUL"),
    ],
)
def test_a_bad_filter_is_refused_and_names_its_field(text: str, field: str, part: str) -> None:
    with pytest.raises(FilterInvalid) as refusal:
        parse_filter(text, FIELDS)
    assert part in refusal.value.message
    assert refusal.value.metadata["field"] == field
    assert refusal.value.field == "filter"


def test_a_filter_is_limited_in_length_and_terms() -> None:
    ten = " AND ".join(["price.minor > 1"] * 10)
    assert len(parse_filter(ten, FIELDS)) == 10
    with pytest.raises(FilterInvalid, match="at most 10"):
        parse_filter(ten + " AND price.minor > 1", FIELDS)
    with pytest.raises(FilterInvalid, match="1024 bytes"):
        parse_filter(f'title = "{"ü" * 600}"', FIELDS)


@given(st.text(alphabet=st.sampled_from("title price.minor=!<>:\"'\\ AND0*()\0é"), max_size=60))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        conditions = parse_filter(text, FIELDS)
    except FilterInvalid:
        return
    assert len(conditions) <= 10


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"), max_size=40))
def test_any_text_can_be_a_quoted_value(value: str) -> None:
    quoted = re.sub(r'[\\"*]', r"\\\g<0>", value)
    (condition,) = parse_filter(f'title = "{quoted}"', FIELDS)
    assert list(condition.compile().params.values()) == [value]


def test_an_order_is_a_list_with_the_key_as_the_last_word() -> None:
    fields = {"title": items.c.title, "price.minor": items.c.price}
    order = parse_order_by(" price.minor desc , title", fields, default="title", key=items.c.id)
    assert [(key.column, key.descending) for key in order] == [
        (items.c.price, True),
        (items.c.title, False),
        (items.c.id, False),
    ]
    assert [key.column for key in parse_order_by("", fields, default="title", key=items.c.id)] == [
        items.c.title,
        items.c.id,
    ]
    newest_first = parse_order_by("create_time desc", {"create_time": items.c.made}, default="", key=items.c.id)
    assert newest_first[-1].descending


def test_ordering_by_the_key_itself_names_it_once() -> None:
    order = parse_order_by("name desc", {"name": items.c.id}, default="name", key=items.c.id)
    assert [(key.column, key.descending) for key in order] == [(items.c.id, True)]


@pytest.mark.parametrize("text", ["colour", "title up", "title,", "title, title", "title desc desc", "title;", "1"])
def test_a_bad_order_is_refused(text: str) -> None:
    with pytest.raises(FilterInvalid) as refusal:
        parse_order_by(text, {"title": items.c.title}, default="title", key=items.c.id)
    assert refusal.value.field == "order_by"
