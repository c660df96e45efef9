"""A running catalog with an empty database, and the accounts it asks about."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import grpc
import pytest
from bookstore.catalog.v1.catalog_service_pb2_grpc import CatalogServiceStub
from bookstore.identity.v1.identity_errors import UserNotFound
from bookstore.identity.v1.identity_service_pb2 import GetUserRequest
from bookstore.identity.v1.identity_service_pb2_grpc import (
    IdentityServiceServicer,
    add_IdentityServiceServicer_to_server,
)
from bookstore.identity.v1.user_pb2 import User

from chassis.call import caller
from chassis.service import Runtime, Service, Servicer
from chassis.testing import FakeClock, Served, running
from services.catalog.app import build


class FakeIdentity(IdentityServiceServicer):
    """Accounts whose name says how they are; others do not exist."""

    states: ClassVar = {
        "users/staff": User.STATE_ACTIVE,
        "users/disabled": User.STATE_DISABLED,
        "users/deleted": User.STATE_DELETED,
    }

    def GetUser(self, request: GetUserRequest, context: grpc.ServicerContext) -> User:
        """Answers the caller's own account."""
        assert caller().user == request.name
        assert caller().service == "catalog"
        if request.name not in self.states:
            raise UserNotFound(user=request.name)
        return User(name=request.name, state=self.states[request.name])


def build_identity(runtime: Runtime) -> Service:
    servicer = Servicer(add_IdentityServiceServicer_to_server, FakeIdentity())  # type: ignore[abstract]
    return Service(name="identity", servicers=(servicer,))


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with running("identity", build_identity, folder=tmp_path_factory.mktemp("identity"), migrations=False) as served:
        yield served


@pytest.fixture
def catalog(tmp_path: Path, identity: Served, clock: FakeClock) -> Iterator[Served]:
    with running("catalog", build, folder=tmp_path, targets={"identity": identity.address}, clock=clock) as served:
        yield served


@pytest.fixture
def staff(catalog: Served) -> CatalogServiceStub:
    return catalog.stub(CatalogServiceStub, user="users/staff", roles=("customer", "staff"))


@pytest.fixture
def customer(catalog: Served) -> CatalogServiceStub:
    return catalog.stub(CatalogServiceStub, user="users/1")


@pytest.fixture
def anyone(catalog: Served) -> CatalogServiceStub:
    return catalog.stub(CatalogServiceStub)
