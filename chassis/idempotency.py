"""Answers by request_id: a repeated request gets the first answer, and its effect happens once.

The answer is stored in the transaction of the effect, under the caller, the method and the key, with a fingerprint of
the request. Only success is remembered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Final, TypeVar

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from sqlalchemy import Connection, and_, bindparam, delete, select, tuple_, update

from chassis.database import Database, Statement, insert_if_absent
from chassis.kernel import Clock
from chassis.schema import ANSWERS
from chassis.v1.platform_errors import RequestIdReused

MessageT = TypeVar("MessageT", bound=Message)

_KEEP: Final = timedelta(hours=48)
_PURGE_BATCH: Final = 1000
_REQUEST_ID: Final = "request_id"


class AnswerExists(Exception):
    """The same request was answered meanwhile: look it up again and replay it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """What identifies a request: the caller, the method's full name, the request_id; and what it asked for."""

    caller: str
    method: str
    key: str
    fingerprint: str


current_request: ContextVar[RequestKey | None] = ContextVar("current_request", default=None)
"""The key of the request being served; None when it carries none."""

_same = and_(
    ANSWERS.c.caller == bindparam("by"),
    ANSWERS.c.method == bindparam("via"),
    ANSWERS.c.request_key == bindparam("under"),
)
_RECORDED: Final = Statement(select(ANSWERS.c.fingerprint, ANSWERS.c.answer).where(_same))
_COMPLETE: Final = Statement(update(ANSWERS).where(_same).values(answer=bindparam("reply")))
_identity = (ANSWERS.c.caller, ANSWERS.c.method, ANSWERS.c.request_key)
_PURGE: Final = Statement(
    delete(ANSWERS).where(
        tuple_(*_identity).in_(select(*_identity).where(ANSWERS.c.created < bindparam("before")).limit(_PURGE_BATCH))
    )
)


class Answers:
    """The stored answers of one service."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def recorded(self, key: RequestKey) -> bytes | None:
        """The serialized answer given under `key`, None when there is none.

        Raises RequestIdReused when it belongs to another request.
        """
        row = self._database.read(lambda connection: _RECORDED.first(connection, **_parameters(key)))
        if row is None:
            return None
        if row.fingerprint != key.fingerprint:
            raise RequestIdReused
        answer: bytes = row.answer
        return answer

    def transact(self, function: Callable[[Connection], MessageT]) -> MessageT:
        """Runs `function` in a transaction and stores the message it answers under the current request's key, if any.

        Raises AnswerExists, with nothing done, when the same key was answered meanwhile.
        """
        key = current_request.get()
        if key is None:
            return self._database.transact(function)
        return self._database.transact(lambda tx: self._answered(tx, key, function))

    def purge(self) -> int:
        """Deletes answers older than 48 hours, at most a thousand; says how many."""
        before = self._clock.now() - _KEEP
        return self._database.transact(lambda tx: _PURGE.run(tx, before=before))

    def _answered(self, tx: Connection, key: RequestKey, function: Callable[[Connection], MessageT]) -> MessageT:
        # The key goes in first: a concurrent duplicate must meet it before it meets the effect of the first one,
        # which it would report as a conflict of its own (a name taken, a stock used up).
        reserved = {
            "caller": key.caller,
            "method": key.method,
            "request_key": key.key,
            "fingerprint": key.fingerprint,
            "answer": b"",
            "created": self._clock.now(),
        }
        if not insert_if_absent(tx, ANSWERS, reserved):
            raise AnswerExists
        message = function(tx)
        _COMPLETE.run(tx, **_parameters(key), reply=message.SerializeToString())
        return message


def _parameters(key: RequestKey) -> dict[str, str]:
    return {"by": key.caller, "via": key.method, "under": key.key}


def fingerprint(request: Message) -> str:
    """SHA-256, in hex, of what a request asks for: its deterministic bytes without request_id and without input-only
    fields (google.api.field_behavior INPUT_ONLY), so that no trace of a password is kept.
    """
    cleared = type(request)()
    cleared.CopyFrom(request)
    if _REQUEST_ID in request.DESCRIPTOR.fields_by_name:
        cleared.ClearField(_REQUEST_ID)
    _clear_input_only(cleared)
    return hashlib.sha256(cleared.SerializeToString(deterministic=True)).hexdigest()


def _clear_input_only(message: Message) -> None:
    secret, containers = _input_only(message.DESCRIPTOR)
    for name in secret:
        message.ClearField(name)
    for field in containers:
        for part in _parts(message, field):
            _clear_input_only(part)


def _parts(message: Message, field: FieldDescriptor) -> list[Message]:
    if not field.is_repeated:
        return [getattr(message, field.name)] if message.HasField(field.name) else []
    value: Any = getattr(message, field.name)
    return list(value.values()) if _is_map(field) else list(value)


@cache
def _input_only(descriptor: Descriptor) -> tuple[tuple[str, ...], tuple[FieldDescriptor, ...]]:
    """The input-only fields of a message and the fields that may contain some deeper down."""
    secret = tuple(field.name for field in descriptor.fields if _is_input_only(field))
    containers = tuple(
        field
        for field in descriptor.fields
        if field.name not in secret and (inner := _inner(field)) is not None and _reaches_secret(inner, frozenset())
    )
    return secret, containers


def _reaches_secret(descriptor: Descriptor, seen: frozenset[str]) -> bool:
    if descriptor.full_name in seen:
        return False
    seen |= {descriptor.full_name}
    inner = (_inner(field) for field in descriptor.fields)
    return any(_is_input_only(field) for field in descriptor.fields) or any(
        message is not None and _reaches_secret(message, seen) for message in inner
    )


def _is_input_only(field: FieldDescriptor) -> bool:
    behaviors: Any = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    return field_behavior_pb2.INPUT_ONLY in behaviors


def _is_map(field: FieldDescriptor) -> bool:
    return field.message_type is not None and field.message_type.GetOptions().map_entry


def _inner(field: FieldDescriptor) -> Descriptor | None:
    """The message a field holds; of a map, its values' message."""
    if field.message_type is not None and _is_map(field):
        return field.message_type.fields_by_name["value"].message_type
    return field.message_type
