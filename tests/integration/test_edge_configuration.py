"""What Envoy makes of its files: it takes all of ours, a fault in one is found, endpoints change while it runs."""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from bookstore.catalog.v1 import catalog_service_pb2_grpc

from chassis.credentials import Credentials
from tests.integration.edge_harness import UNREACHABLE, Catalog, Stand, running_edge, serving
from tests.limits import HANG_SECONDS
from tools.console.certificates import EDGE, CertificateFolder
from tools.console.edge import Edge, configure, processes
from tools.console.edge_check import check
from tools.console.endpoints import write_endpoints
from tools.console.paths import GENERATED, DataFolder
from tools.console.ports import free_ports
from tools.console.probes import EdgeRejected


@pytest.fixture
def generated(tmp_path: Path) -> Path:
    """A copy of what Envoy reads of generated/."""
    copy = tmp_path / "generated"
    shutil.copytree(GENERATED / "envoy", copy / "envoy")
    shutil.copyfile(GENERATED / "descriptor_set.binpb", copy / "descriptor_set.binpb")
    return copy


def test_envoy_takes_every_file(tmp_path: Path) -> None:
    check(DataFolder(path=tmp_path / "data"))


@pytest.mark.parametrize(
    ("file", "sound", "fault", "named"),
    [
        ("clusters.yaml", "connect_timeout", "connect_timeoutt", "cds.update_rejected"),
        ("http_routes.yaml", "cluster: catalog", "cluster: catalogue", "rds.json.update_rejected"),
        ("grpc_routes.yaml", "retry_policy", "retry_policyy", "rds.grpc.update_rejected"),
        ("authentication.yaml", "requires_any", "requires_anyy", "jwt_authn.update_rejected"),
        ("transcoder.yaml", "v1.CartService", "v1.Nothing", "network_filter.json.update_rejected"),
        ("strict_tables.lua", "local MESSAGES", "locall MESSAGES", "network_filter.json.update_rejected"),
    ],
)
def test_a_fault_in_a_file_is_found(
    tmp_path: Path, generated: Path, file: str, sound: str, fault: str, named: str
) -> None:
    """Envoy itself starts with each of them and says that it is ready."""
    part = generated / "envoy" / file
    text = part.read_text()
    assert sound in text
    part.write_text(text.replace(sound, fault, 1))
    with pytest.raises(EdgeRejected, match=named):
        check(DataFolder(path=tmp_path / "data"), generated=generated)


@pytest.fixture
def own_edge(tmp_path: Path) -> Iterator[Stand]:
    with running_edge(tmp_path / "edge") as stand:
        yield stand


def test_a_service_that_moves_to_another_port_is_found_without_a_restart(own_edge: Stand) -> None:
    moved = Catalog()  # type: ignore[abstract]  # its other methods are not called
    address = f"127.0.0.1:{free_ports(1)[0]}"
    credentials = Credentials.load(own_edge.certificates, "catalog")
    assert own_edge.call("GET", "/v1/books/emma").status == 200
    with serving(address, partial(catalog_service_pb2_grpc.add_CatalogServiceServicer_to_server, moved), credentials):
        write_endpoints(own_edge.endpoints, "catalog", [address])
        deadline = time.monotonic() + HANG_SECONDS
        while not moved.calls:
            assert own_edge.call("GET", "/v1/books/emma").status == 200  # by either, never by none
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)


def test_endpoints_that_envoy_rejects_leave_the_old_ones(own_edge: Stand) -> None:
    write_endpoints(own_edge.endpoints, "catalog", ["not-an-address:1"])
    deadline = time.monotonic() + HANG_SECONDS
    while "update_rejected: 1" not in own_edge.statistics("cluster.catalog.update_rejected"):
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
    assert own_edge.call("GET", "/v1/books/emma").status == 200


def test_a_renewed_certificate_is_taken_without_a_restart(own_edge: Stand) -> None:
    counted = "cluster.catalog.client_ssl_socket_factory.ssl_context_update_by_sds"
    before = own_edge.statistics(counted)
    assert counted in before
    certificates = CertificateFolder(path=own_edge.certificates)
    certificates.certificate(EDGE).unlink()
    assert certificates.ensure([EDGE], now=datetime.now(UTC)) == [EDGE]
    deadline = time.monotonic() + HANG_SECONDS
    while own_edge.statistics(counted) == before:
        assert time.monotonic() < deadline
        threading.Event().wait(0.01)
    assert own_edge.call("GET", "/v1/books/emma").status == 200


def test_a_second_envoy_does_not_share_a_port(own_edge: Stand, tmp_path: Path) -> None:
    data = DataFolder(path=tmp_path / "second")
    data.make()
    second = Edge(
        bind="127.0.0.1",
        http_port=own_edge.http_port,
        grpc_port=0,
        admin_port=0,
        upstreams={process: [UNREACHABLE] for process in processes()},
    )
    command = configure(second, data)
    ended = subprocess.run(command, cwd=data.run, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
    assert ended.returncode != 0
    assert "Address already in use" in ended.stderr
