"""Row codecs: fields and columns paired by name, and what is said when they do not match."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from bookstore.catalog.v1.catalog_events_pb2 import BookUpdated
from google.protobuf.descriptor_pb2 import EnumValueDescriptorProto, FieldDescriptorProto
from google.rpc.error_details_pb2 import RetryInfo
from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text

from chassis.database import Columns, Instant, RowCodec
from chassis.database.rows import readers

TIME = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
things = Table(
    "things",
    MetaData(),
    Column("name", Text),
    Column("width", Integer),
    Column("height", Integer),
    Column("unit", Text),
    Column("made", Instant),
    Column("book", Text),
    Column("version", BigInteger),
    Column("event_time", Instant),
)


@dataclass(frozen=True)
class Length:
    value: int
    unit: str


@dataclass(frozen=True)
class Size:
    width: Length
    height: Length


@dataclass(frozen=True)
class Thing:
    name: str
    size: Size
    made: datetime


SIZE = RowCodec(
    Size,
    things,
    width=Columns("width", "unit", read=Length, write=lambda width: (width.value, width.unit)),
    height=Columns("height", "unit", read=Length, write=lambda height: (height.value,)),
)
THING = RowCodec(Thing, things, size=SIZE)
DESK = Thing(name="desk", size=Size(width=Length(180, "cm"), height=Length(72, "cm")), made=TIME)
ROW = {"name": "desk", "made": TIME, "width": 180, "height": 72, "unit": "cm"}


def test_an_object_becomes_a_row_and_comes_back() -> None:
    assert THING.values(DESK) == ROW
    assert THING.of(ROW) == DESK
    assert THING(*(ROW[name] for name in THING.names)) == DESK


def test_columns_are_those_of_the_fields_each_once() -> None:
    assert sorted(THING.names) == ["height", "made", "name", "unit", "width"]
    assert [column.name for column in THING.columns] == list(THING.names)


def test_a_message_takes_times_from_instants() -> None:
    codec = RowCodec(BookUpdated, things)
    event = codec.of({"book": "books/1", "version": 3, "event_time": TIME})
    assert event.event_time.ToDatetime(tzinfo=UTC) == TIME
    assert not codec.of({"book": "books/1", "version": 3, "event_time": None}).HasField("event_time")


def test_a_field_without_a_column_of_its_name_is_an_error() -> None:
    with pytest.raises(TypeError, match=r"Size\.width has no column"):
        RowCodec(Size, Table("empty", MetaData()))
    with pytest.raises(TypeError, match=r"RetryInfo\.retry_delay has no column"):
        RowCodec(RetryInfo, things)
    assert RowCodec(RetryInfo, things, without=("retry_delay",)).names == ()


def test_a_field_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(TypeError, match="no field colour"):
        RowCodec(Thing, things, size=SIZE, colour=Columns("name", read=str))
    with pytest.raises(TypeError, match="no field weight"):
        RowCodec(Thing, things, size=SIZE, without=("weight",))


def test_only_dataclasses_and_messages_have_rows() -> None:
    plain: Any = dict
    with pytest.raises(TypeError, match="neither"):
        RowCodec(plain, things)


def test_readers_take_fields_by_name() -> None:
    @dataclass(frozen=True)
    class Value:
        name: str
        number: int

    found = readers(Value, number=lambda message: message.number * 2)
    message = EnumValueDescriptorProto(name="ONE", number=1)
    assert {name: read(message) for name, read in found.items()} == {"name": "ONE", "number": 2}
    assert list(readers(Value)) == ["name", "number"]
    assert readers(Value)["name"](FieldDescriptorProto(name="x")) == "x"
