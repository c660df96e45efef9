"""Renders every generated file and compares or replaces what is there."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tools.codegen import buf
from tools.codegen.contract import Contract
from tools.codegen.descriptor_set import descriptor_set, public_types
from tools.codegen.envoy import envoy_parts
from tools.codegen.error_classes import error_classes
from tools.codegen.error_reasons import reasons
from tools.codegen.errors_page import errors_page
from tools.codegen.grpc_page import grpc_page, processes
from tools.codegen.openapi import openapi
from tools.codegen.service_config import service_configs

GENERATED = "generated"
LIBRARY = "chassis/v1"
"""The stubs of the library's own contract, which it needs without `generated`."""
ERRORS_PAGE = "docs/errors.md"
_FOLDERS = (GENERATED, LIBRARY)
_LIBRARY_INIT = b'"""The contract of the library: policies of methods and error reasons. Written by `make protos`."""\n'
_IGNORED = "__pycache__"


def load(root: Path) -> tuple[Contract, bytes]:
    """The contract under `root`/protos and what buf builds of it. Raises ContractError when buf cannot read it."""
    built = buf.build(root)
    return Contract(FileDescriptorSet.FromString(built)), built


def render(root: Path, contract: Contract, built: bytes) -> Mapping[str, bytes]:
    """Every generated file by its path below `root`. Raises ContractError."""
    public = buf.selected(root, built, public_types(contract))
    files: dict[str, bytes] = {
        "descriptor_set.binpb": descriptor_set(built),
        "public.binpb": descriptor_set(public, comments=True),
    }
    files |= {f"service_config/{process}.json": text for process, text in service_configs(contract).items()}
    files |= {f"envoy/{name}": text for name, text in envoy_parts(contract, root / "envoy").items()}
    files |= {f"openapi/bookstore.{form}": text for form, text in openapi(contract).items()}
    files |= {"pages/grpc.html": grpc_page(contract), "pages/processes.json": processes(contract)}
    with tempfile.TemporaryDirectory() as folder:
        buf.python_stubs(root, Path(folder))
        files |= _read(Path(folder, GENERATED))
    files |= error_classes(reasons(contract))
    placed = {_place(path): text for path, text in files.items() if not _is_needless(path, files)}
    placed[f"{LIBRARY}/__init__.py"] = _LIBRARY_INIT
    placed[ERRORS_PAGE] = errors_page(contract)
    return dict(sorted(placed.items()))


def write(root: Path, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Makes the generated folders below `root` hold exactly `files`. Returns the paths that differed."""
    changed = differences(root, files)
    for path in changed:
        if path in files:
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(files[path])
        else:
            (root / path).unlink()
    return changed


def differences(root: Path, files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Paths that are missing below `root`, differ, or stand in a generated folder and do not belong there."""
    present = {f"{target}/{path}": text for target in _FOLDERS for path, text in _read(root / target).items()}
    if (root / ERRORS_PAGE).is_file():
        present[ERRORS_PAGE] = (root / ERRORS_PAGE).read_bytes()
    return tuple(sorted(path for path in {*present, *files} if present.get(path) != files.get(path)))


def _read(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and _IGNORED not in path.parts
    }


def _place(path: str) -> str:
    return path if path.startswith(f"{LIBRARY}/") else f"{GENERATED}/{path}"


def _is_needless(path: str, files: Mapping[str, bytes]) -> bool:
    """Whether a file is of no use: mypy-protobuf writes a gRPC stub for every contract, also for those without a
    service, and of the contexts' error reasons Python needs the classes, not the enums.
    """
    if path.endswith("_pb2_grpc.pyi"):
        return path.removesuffix("i") not in files
    return path.endswith(("_errors_pb2.py", "_errors_pb2.pyi")) and not path.startswith(f"{LIBRARY}/")
