"""Rows to objects and back: a field and a column that share a name need no line of code."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Any, Final, Generic, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy import BigInteger, ColumnElement, Table, type_coerce

from chassis.database.columns import microseconds

T = TypeVar("T")
_MICROSECONDS: Final = 1_000_000
_TIMESTAMP: Final = Timestamp.DESCRIPTOR.full_name


class Columns:
    """A field that differs from its column, or takes several of them.

    `read` makes the field's value of the columns' values. `write` makes the column's value of the field's, of several
    columns a tuple of values, without the last ones when other fields write them. By default the column holds the
    field's value as it is.
    """

    def __init__(self, *names: str, read: Callable[..., Any], write: Callable[[Any], Any] | None = None) -> None:
        self.names = names
        self.read = read
        self.write = write


class RowCodec(Generic[T]):
    """Makes objects of `target`, a dataclass or a message, of rows of `table`, and a dataclass's rows of its objects.

    Each field is read from the column of its name, unless `fields` says otherwise: by Columns, or by the codec of a
    dataclass that is a field. An Instant becomes a Timestamp in a message. `without` names fields that are not stored.

    A codec is called with the values of `columns`: `Statement(select(*codec.columns), codec)`.
    """

    def __init__(
        self,
        target: type[T],
        table: Table,
        *,
        without: tuple[str, ...] = (),
        **fields: Columns | RowCodec[Any],
    ) -> None:
        """Raises TypeError for a field without columns, or one that `target` does not have."""
        self._target = target
        stated = {name: _columns(field) for name, field in fields.items()}
        known = _field_names(target)
        unknown = {*stated, *without} - {*known}
        if unknown:
            raise TypeError(f"{target.__name__} has no field {', '.join(sorted(unknown))}")
        plain: list[str] = []
        for name in known:
            if name in stated or name in without:
                continue
            if name not in table.c:
                raise TypeError(
                    f"{target.__name__}.{name} has no column of its name in {table.name}: state its columns"
                )
            if _is_timestamp(target, name):
                stated[name] = Columns(name, read=_timestamp)
            else:
                plain.append(name)
        names = list(dict.fromkeys([*plain, *(column for field in stated.values() for column in field.names)]))
        self._plain = tuple(plain)
        self._raw = raw = frozenset(field.names[0] for field in stated.values() if field.read is _timestamp)
        self._stated = stated
        self.names = tuple(names)
        self.columns: tuple[ColumnElement[Any], ...] = tuple(
            type_coerce(table.c[name], BigInteger).label(name) if name in raw else table.c[name] for name in names
        )
        places = {name: place for place, name in enumerate(names)}
        self._single = [
            (name, field.read, places[field.names[0]]) for name, field in stated.items() if len(field.names) == 1
        ]
        self._several = [
            (name, field.read, itemgetter(*(places[column] for column in field.names)))
            for name, field in stated.items()
            if len(field.names) > 1
        ]

    def __call__(self, *values: Any) -> T:
        """Returns the object in a row; `values` are those of `columns`."""
        made: dict[str, Any] = dict(zip(self._plain, values, strict=False))  # the plain columns come first
        for name, read, place in self._single:
            made[name] = read(values[place])
        for name, read, pick in self._several:
            made[name] = read(*pick(values))
        return self._target(**made)

    def of(self, row: Mapping[str, Any]) -> T:
        """Returns the object in a row given by the names of its columns, such as `values` of another codec."""
        return self(*[_stored(row[name]) if name in self._raw else row[name] for name in self.names])

    def values(self, item: T) -> dict[str, Any]:
        """Returns the values of the columns for an object."""
        row: dict[str, Any] = {name: getattr(item, name) for name in self._plain}
        for name, field in self._stated.items():
            value = getattr(item, name)
            written = value if field.write is None else field.write(value)
            if len(field.names) == 1:
                row[field.names[0]] = written
            else:
                row |= zip(field.names, written, strict=False)
        return row


def readers(target: type[Any], **fields: Callable[[Any], Any]) -> dict[str, Callable[[Any], Any]]:
    """Returns what reads each field of the dataclass `target` from a message: by default the message's field of its
    name, otherwise the function of the message that `fields` states.
    """
    return {name: fields.get(name) or attrgetter(name) for name in _field_names(target)}


def _columns(field: Columns | RowCodec[Any]) -> Columns:
    if isinstance(field, Columns):
        return field
    codec, names = field, field.names

    def write(item: Any) -> tuple[Any, ...]:
        row = codec.values(item)
        return tuple(row[name] for name in names)

    return Columns(*names, read=codec, write=write)


def _field_names(target: type[Any]) -> list[str]:
    if dataclasses.is_dataclass(target):
        return [field.name for field in dataclasses.fields(target)]
    if issubclass(target, Message):
        return [field.name for field in target.DESCRIPTOR.fields]
    raise TypeError(f"{target.__name__} is neither a dataclass nor a message")


def _is_timestamp(target: type[Any], name: str) -> bool:
    if not issubclass(target, Message):
        return False
    kind = target.DESCRIPTOR.fields_by_name[name].message_type
    return kind is not None and kind.full_name == _TIMESTAMP


def _timestamp(stored: int | None) -> Any:
    """A Timestamp, in the form a message takes fastest."""
    if stored is None:
        return None
    seconds, rest = divmod(stored, _MICROSECONDS)
    return {"seconds": seconds, "nanos": rest * 1000}


def _stored(time: datetime | None) -> int | None:
    return None if time is None else microseconds(time)
