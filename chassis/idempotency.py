"""Responses by request_id: a repeated request gets the first response, and its effect happens once.

The response is stored in the transaction of the effect, under the caller, the method and a digest of the request_id,
with a fingerprint of the request. Only success is remembered.

Anonymous callers share one name, so their request_id is all that keeps a response theirs: it must be a random UUID
(version 4), which cannot be guessed. The same holds for a request with a secret, such as a password: the secret is part
of the fingerprint, and the request_id, which is not stored, is the key without which no password can be tried on it.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any, Final, TypeVar
from uuid import UUID

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
_RANDOM: Final = 4


class AnswerExists(Exception):
    """The same request was answered meanwhile: look it up again and replay it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """What identifies a request: the caller, the method's full name, a digest of the request_id; and what it asked
    for.
    """

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


class IdempotencyStore:
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


def key_of(request_id: str) -> str:
    """Returns the SHA-256 digest of a request_id, in hex."""
    return hashlib.sha256(request_id.encode()).hexdigest()


def fingerprint(request: Message) -> str:
    """Returns what a request asks for as a digest: HMAC-SHA-256, in hex, of its deterministic bytes without request_id,
    keyed with the request_id.
    """
    cleared = type(request)()
    cleared.CopyFrom(request)
    request_id = ""
    if _REQUEST_ID in request.DESCRIPTOR.fields_by_name:
        request_id = getattr(request, _REQUEST_ID)
        cleared.ClearField(_REQUEST_ID)
    return hmac.digest(request_id.encode(), cleared.SerializeToString(deterministic=True), hashlib.sha256).hex()


def is_random(request_id: str) -> bool:
    """Returns whether a UUID is a random one, of version 4."""
    return UUID(request_id).version == _RANDOM


@cache
def has_secret(descriptor: Descriptor) -> bool:
    """Returns whether messages of a type may contain an input-only field (google.api.field_behavior INPUT_ONLY), such
    as a password.
    """
    return _reaches_secret(descriptor, frozenset())


def _reaches_secret(descriptor: Descriptor, seen: frozenset[str]) -> bool:
    if descriptor.full_name in seen:
        return False
    seen |= {descriptor.full_name}
    inner = (field.message_type for field in descriptor.fields)
    return any(_is_input_only(field) for field in descriptor.fields) or any(
        message is not None and _reaches_secret(message, seen) for message in inner
    )


def _is_input_only(field: FieldDescriptor) -> bool:
    behaviors: Any = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    return field_behavior_pb2.INPUT_ONLY in behaviors
