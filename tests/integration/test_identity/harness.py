"""What the tests of identity share."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import grpc
from bookstore.identity.v1.user_pb2 import User
from sqlalchemy import select

from chassis.schema import OUTBOX
from chassis.testing import Served
from chassis.v1 import policy_pb2

PASSWORD = "correct horse battery"
EMAIL = "ann@example.com"


def a_user(email: str = EMAIL, name: str = "Ann", password: str = PASSWORD) -> User:
    return User(display_name=name, email=email, password=password)


def roles(*names: str) -> list[policy_pb2.Role.ValueType]:
    return [policy_pb2.Role.Value(f"ROLE_{name}") for name in names]


def events(identity: Served) -> list[tuple[str, str, int]]:
    """Subject, aggregate and version of what is in the outbox, oldest first."""
    statement = select(OUTBOX.c.subject, OUTBOX.c.aggregate, OUTBOX.c.version).order_by(OUTBOX.c.id)
    rows = identity.runtime.database.read(lambda connection: connection.execute(statement).all())
    return [(row.subject.rpartition(".")[2], row.aggregate, row.version) for row in rows]


def outcome(call: Callable[[], object]) -> str:
    """OK, or the name of the code a call is refused with."""
    try:
        call()
    except grpc.RpcError as error:
        return cast(grpc.Call, error).code().name  # what grpcio raises is both, which its stubs do not say
    return "OK"
