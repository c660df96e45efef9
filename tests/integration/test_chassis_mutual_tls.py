"""A service knows its peers by certificate and nobody else gets in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
import pytest
from bookstore.inventory.v1 import inventory_service_pb2, inventory_service_pb2_grpc, reservation_pb2

from chassis.call import caller
from chassis.channel import open_channel
from chassis.credentials import Credentials, CredentialsMissing
from chassis.interceptors import ServerContext
from chassis.kernel import SystemIds
from chassis.server import Server
from chassis.service import Service, Servicer
from chassis.settings import ChassisSettings, TraceExport
from chassis.testing import refused
from tests.limits import HANG_SECONDS
from tools.console.certificates import CertificateFolder


class Inventory(inventory_service_pb2_grpc.InventoryServiceServicer):
    """Answers who asked."""

    def GetReservation(self, request: Any, context: Any) -> Any:
        return reservation_pb2.Reservation(name=caller().service or "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    CertificateFolder(path=tmp_path).ensure(["inventory", "orders", "carts"], now=datetime.now(UTC))
    return tmp_path


@pytest.fixture
def address(folder: Path) -> Iterator[str]:
    credentials = Credentials.load(folder, "inventory")
    implementation = Inventory()  # type: ignore[abstract]  # only what the tests call
    register = inventory_service_pb2_grpc.add_InventoryServiceServicer_to_server
    server = Server(
        Service(name="inventory", servicers=(Servicer(register, implementation),)),
        settings=ChassisSettings(traces=TraceExport.OFF, drain_seconds=1),
        context=ServerContext(ids=SystemIds(), answers=None, mutual_tls=True),
        credentials=credentials,
    )
    server.start()
    yield f"127.0.0.1:{server.port}"
    server.stop()


def ask(address: str, caller: str, credentials: Credentials | None) -> str:
    with open_channel("inventory", caller=caller, addresses=[address], credentials=credentials) as channel:
        stub = inventory_service_pb2_grpc.InventoryServiceStub(channel)
        return stub.GetReservation(
            inventory_service_pb2.GetReservationRequest(name="reservations/1"), timeout=HANG_SECONDS
        ).name


def test_the_certificate_says_who_calls(address: str, folder: Path) -> None:
    assert ask(address, "orders", Credentials.load(folder, "orders")) == "orders"


def test_a_header_cannot_claim_to_be_another_service(address: str, folder: Path) -> None:
    with refused(grpc.StatusCode.PERMISSION_DENIED, "ROLE_REQUIRED"):
        ask(address, "orders", Credentials.load(folder, "carts"))


def test_without_a_certificate_nobody_gets_in(address: str) -> None:
    with refused(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"):
        ask(address, "orders", None)


def test_a_certificate_of_another_authority_is_refused(address: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    foreign = tmp_path_factory.mktemp("foreign")
    CertificateFolder(path=foreign).ensure(["orders"], now=datetime.now(UTC))
    with refused(grpc.StatusCode.UNAVAILABLE, "DEPENDENCY_UNAVAILABLE"):
        ask(address, "orders", Credentials.load(foreign, "orders"))


def test_a_missing_certificate_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(CredentialsMissing, match=r"ca\.pem.*BOOKSTORE_TLS_DIR"):
        Credentials.load(tmp_path, "orders")
