"""What holds for every RPC and every error of every service, read from the descriptors."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from bookstore.edge.v1 import edge_errors_pb2
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool

import services
from chassis.contract import methods_of, process_of
from chassis.kernel import ErrorKind, ServiceError
from chassis.testing import running
from chassis.v1 import platform_errors_pb2, policy_pb2

ROOT = Path(services.__file__).parents[1]
CONTEXTS = sorted(path.parents[1].name for path in (ROOT / "protos" / "bookstore").glob("*/v1/*_service.proto"))
PLATFORM_REASONS = {
    name.removeprefix("PLATFORM_ERROR_REASON_")
    for name in platform_errors_pb2.PlatformErrorReason.keys()  # noqa: SIM118  # not a dict
}
_DECLINES = {"INSUFFICIENT_FUNDS", "PAYMENT_DECLINED", "PAYMENT_METHOD_UNKNOWN"}
SAID_IN_ANSWERS = {
    "orders": {"CHECKOUT_TIMEOUT", "COUPON_UNAVAILABLE", "OUT_OF_STOCK", *_DECLINES},
    "payments": _DECLINES,
}
"""Reasons that no error has: Order.reject_reason and Payment.decline_reason say them."""


def _descriptor_set() -> FileDescriptorSet:
    return FileDescriptorSet.FromString((ROOT / "generated" / "descriptor_set.binpb").read_bytes())


def _import_all(package: str) -> None:
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, prefix=f"{package}."):
        if ".migrations" not in found.name:
            importlib.import_module(found.name)


def _services() -> Iterator[ServiceDescriptor]:
    pool = DescriptorPool()
    files = _descriptor_set()
    for file in files.file:
        pool.Add(file)
    for file in files.file:
        if file.package.startswith("bookstore."):
            for service in file.service:
                importlib.import_module(file.name.removesuffix(".proto").replace("/", ".") + "_pb2")
                yield pool.FindServiceByName(f"{file.package}.{service.name}")


SERVICES = {service.full_name: service for service in _services()}


def test_there_are_services_to_look_at() -> None:
    assert len(SERVICES) >= len(CONTEXTS)


@pytest.mark.parametrize("name", SERVICES)
def test_every_method_has_a_complete_policy_and_says_whether_it_may_be_repeated(name: str) -> None:
    for method in methods_of(name).values():
        assert method.timeout > 0
        assert (method.access == policy_pb2.ACCESS_INTERNAL) <= bool(method.callers), method.path
    for descriptor in SERVICES[name].methods:
        assert descriptor.GetOptions().HasField("idempotency_level"), descriptor.full_name


@pytest.mark.parametrize("process", sorted({process_of(service) for service in SERVICES.values()}))
def test_every_method_of_the_contract_is_implemented(process: str, tmp_path: Path) -> None:
    build = importlib.import_module(f"services.{process}.app").build
    has_migrations = (ROOT / "services" / process / "migrations").is_dir()
    with running(process, build, folder=tmp_path, migrations=has_migrations) as served:
        expected = {name for name, service in SERVICES.items() if process_of(service) == process}
        implemented = set()
        for servicer in served.service.servicers:
            kind = type(servicer.implementation)
            name = servicer.register.__name__.removeprefix("add_").removesuffix("Servicer_to_server")
            full_name = next(full for full in expected if full.endswith(f".{name}"))
            implemented.add(full_name)
            own = {attribute for base in kind.__mro__[:-1] for attribute in _own(base)}
            missing = {method.name for method in SERVICES[full_name].methods} - own
            assert not missing, f"{full_name} does not implement {sorted(missing)}"
        assert implemented == expected


def _own(kind: type) -> set[str]:
    return set() if kind.__module__.endswith("_pb2_grpc") else set(vars(kind))


def _subclasses(kind: type[ServiceError]) -> Iterator[type[ServiceError]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def _raised_by(package: str) -> set[str]:
    _import_all(package)
    return {error.reason for error in _subclasses(ServiceError) if error.__module__.startswith(f"{package}.")}


def _listed_by(context: str) -> set[str]:
    if not (ROOT / "protos" / "bookstore" / context / "v1" / f"{context}_errors.proto").exists():
        return set()
    module = importlib.import_module(f"bookstore.{context}.v1.{context}_errors_pb2")
    enum = module.DESCRIPTOR.enum_types_by_name[f"{context.capitalize()}ErrorReason"]
    prefix = f"{context.upper()}_ERROR_REASON_"
    return {value.name.removeprefix(prefix) for value in enum.values} - {"UNSPECIFIED"}


@pytest.mark.parametrize("process", sorted({process_of(service) for service in SERVICES.values()}))
def test_every_error_of_a_service_has_a_reason_of_its_contract_and_every_reason_there_is_in_use(process: str) -> None:
    raised, listed = _raised_by(f"services.{process}"), _listed_by(process)
    assert raised <= listed
    assert listed - raised - PLATFORM_REASONS == SAID_IN_ANSWERS.get(process, set())


def test_every_error_of_the_chassis_has_a_reason_of_the_platform() -> None:
    raised = _raised_by("chassis")
    assert raised >= {"FIELD_INVALID", "FILTER_INVALID", "ETAG_MISMATCH"}
    assert raised <= PLATFORM_REASONS


def test_every_answer_of_the_edge_has_a_reason_that_the_contract_lists() -> None:
    listed = {
        name.removeprefix("EDGE_ERROR_REASON_")
        for name in edge_errors_pb2.EdgeErrorReason.keys()  # noqa: SIM118  # not a dict
    }
    replies = yaml.safe_load((ROOT / "envoy" / "local_replies.yaml").read_text())
    assert {reply["reason"] for reply in replies} <= listed


def test_every_kind_of_error_has_a_code() -> None:
    from chassis.errors import CODES

    assert set(CODES) == set(ErrorKind)
