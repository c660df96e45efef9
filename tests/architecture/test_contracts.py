"""What holds for every RPC and every error of every service, read from the descriptors."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool

import services
from chassis.contract import methods_of, process_of
from chassis.kernel import ErrorKind, ServiceError
from chassis.testing import running
from chassis.v1 import policy_pb2

ROOT = Path(services.__file__).parents[1]
CONTEXTS = sorted(path.parents[1].name for path in (ROOT / "protos" / "bookstore").glob("*/v1/*_service.proto"))


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


def _imported_by(package: Path) -> set[tuple[str, str]]:
    """Module and name of everything that the modules of a package import by name."""
    trees = (ast.parse(path.read_text()) for path in package.rglob("*.py"))
    return {
        (node.module or "", alias.name)
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


@pytest.mark.parametrize("process", sorted({process_of(service) for service in SERVICES.values()}))
def test_the_errors_of_a_service_are_those_of_its_contract_and_each_is_in_use(process: str) -> None:
    _import_all(f"services.{process}")
    assert [error for error in _subclasses(ServiceError) if error.__module__.startswith("services.")] == []
    module = f"bookstore.{process}.v1.{process}_errors"
    errors = importlib.import_module(module)
    generated = {name for name, kind in vars(errors).items() if isinstance(kind, type) and kind.__module__ == module}
    used = {name for source, name in _imported_by(ROOT / "services" / process) if source == module}
    assert generated == used


def test_every_answer_of_the_edge_has_a_reason_that_the_contract_lists() -> None:
    file = next(file for file in _descriptor_set().file if file.name == "bookstore/edge/v1/edge_errors.proto")
    listed = {value.name.removeprefix("EDGE_ERROR_REASON_") for value in file.enum_type[0].value}
    replies = yaml.safe_load((ROOT / "envoy" / "local_replies.yaml").read_text())
    assert {reply["reason"] for reply in replies} <= listed


def test_every_kind_of_error_has_a_code() -> None:
    from chassis.errors import CODES

    assert set(CODES) == set(ErrorKind)
