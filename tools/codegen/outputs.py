"""Renders everything under generated/ and compares or replaces what is there."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tools.codegen import buf
from tools.codegen.contract import Contract
from tools.codegen.descriptor_set import descriptor_set
from tools.codegen.envoy import envoy_parts
from tools.codegen.openapi import openapi
from tools.codegen.service_config import service_configs

GENERATED = "generated"
ERRORS_PAGE = "docs/errors.md"
_IGNORED = "__pycache__"


def load(root: Path) -> tuple[Contract, bytes]:
    """The contract under `root`/protos and its descriptor set. Raises ContractError when buf cannot read it."""
    built = buf.build(root)
    return Contract(FileDescriptorSet.FromString(built)), descriptor_set(built)


def render(root: Path, contract: Contract, descriptors: bytes) -> Mapping[str, bytes]:
    """Every generated file by its path below generated/. Raises ContractError."""
    files: dict[str, bytes] = {"descriptor_set.binpb": descriptors}
    files |= {f"service_config/{process}.json": text for process, text in service_configs(contract).items()}
    files |= {f"envoy/{name}": text for name, text in envoy_parts(contract).items()}
    files["openapi/bookstore.yaml"] = openapi(contract)
    with tempfile.TemporaryDirectory() as folder:
        buf.python_stubs(root, Path(folder))
        buf.typings(root, Path(folder))
        files |= _read(Path(folder, GENERATED))
    return {path: text for path, text in sorted(files.items()) if not _is_orphan(path, files)}


def write(target: Path, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Makes the folder `target` hold exactly `files`, touching only what differs. Returns those paths."""
    changed = differences(target, files)
    for path in changed:
        if path in files:
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes(files[path])
        else:
            (target / path).unlink()
    return changed


def differences(target: Path, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Paths that are missing below `target`, differ or do not belong there."""
    present = _read(target)
    return tuple(sorted(path for path in {*present, *files} if present.get(path) != files.get(path)))


def _read(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and _IGNORED not in path.parts
    }


def _is_orphan(path: str, files: Mapping[str, bytes]) -> bool:
    """mypy-protobuf writes a gRPC stub for every file, the gRPC generator only for those with a service."""
    return path.endswith("_pb2_grpc.pyi") and path.removesuffix("i") not in files
