"""A running identity with an administrator, a customer, and those who call it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from bookstore.identity.v1.identity_service_pb2 import CreateUserRequest
from bookstore.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from bookstore.identity.v1.session_service_pb2_grpc import SessionServiceStub
from bookstore.identity.v1.user_pb2 import User
from sqlalchemy import insert

from chassis.testing import FakeClock, Served, running
from services.identity.app import build
from services.identity.store import USERS
from tests.integration.test_identity.harness import a_user


@pytest.fixture
def identity(tmp_path: Path, clock: FakeClock) -> Iterator[Served]:
    with running("identity", build, folder=tmp_path, clock=clock) as served:
        row = {"version": 1, "display_name": "Root", "email": "root@example.com", "staff": True, "admin": True}
        times = {"create_time": clock.now(), "update_time": clock.now()}
        statement = insert(USERS).values(id="root", state="ACTIVE", **row, **times)
        served.runtime.database.transact(lambda tx: tx.execute(statement))
        yield served


@pytest.fixture
def anyone(identity: Served) -> IdentityServiceStub:
    return identity.stub(IdentityServiceStub)


@pytest.fixture
def admin(identity: Served) -> IdentityServiceStub:
    return identity.stub(IdentityServiceStub, user="users/root", roles=("customer", "staff", "admin"))


@pytest.fixture
def staff(identity: Served) -> IdentityServiceStub:
    return identity.stub(IdentityServiceStub, user="users/staff", roles=("customer", "staff"))


@pytest.fixture
def stranger(identity: Served) -> IdentityServiceStub:
    return identity.stub(IdentityServiceStub, user="users/stranger")


@pytest.fixture
def ann(anyone: IdentityServiceStub) -> User:
    return anyone.CreateUser(CreateUserRequest(user=a_user()))


@pytest.fixture
def as_ann(identity: Served, ann: User) -> IdentityServiceStub:
    return identity.stub(IdentityServiceStub, user=ann.name)


@pytest.fixture
def sessions(identity: Served) -> SessionServiceStub:
    return identity.stub(SessionServiceStub)
