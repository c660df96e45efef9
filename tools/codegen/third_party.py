"""Assembles the `.proto` files of others from installed packages, so that none is copied into the repository."""

import importlib.util
import tempfile
from pathlib import Path
from typing import cast

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from protovalidate._gen.buf.validate import validate_pb

from tools.codegen.proto_source import proto_source

VALIDATE = "buf/validate/validate.proto"
_GOOGLEAPIS = ("google/api", "google/rpc", "google/type")


def assemble(target: Path) -> None:
    """Fills the folder `target` with what our contracts may import.

    google/protobuf, google/{api,rpc,type} and buf/validate. Files that are already right stay as they are.
    Raises ModuleNotFoundError when a development package is missing.
    """
    bundled = _package("grpc_tools") / "_proto" / "google" / "protobuf"
    _copy(bundled, target / "google" / "protobuf")
    for folder in _GOOGLEAPIS:
        _copy(_package(folder.replace("/", ".")), target / folder)
    _put(target / VALIDATE, proto_source(validate_descriptor()).encode())


def validate_descriptor() -> FileDescriptorProto:
    """The descriptor of `buf/validate/validate.proto` that the installed protovalidate itself works with.

    Its wheel carries no source file, and generated code for another message library.
    """
    wire = validate_pb.desc().proto.to_binary()
    pool = descriptor_pool.DescriptorPool()
    for dependency in FileDescriptorProto.FromString(wire).dependency:
        module = importlib.import_module(f"{dependency.removesuffix('.proto').replace('/', '.')}_pb2")
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    pool.AddSerializedFile(wire)
    # The file uses the options it declares, so only classes of a pool that holds it can read them.
    aware = message_factory.GetMessageClass(pool.FindMessageTypeByName(FileDescriptorProto.DESCRIPTOR.full_name))
    return cast(FileDescriptorProto, aware.FromString(wire))


def _package(name: str) -> Path:
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"{name} is not installed: run `make setup-dev`")
    return Path(next(iter(spec.submodule_search_locations)))


def _copy(source: Path, target: Path) -> None:
    for file in source.glob("*.proto"):
        _put(target / file.name, file.read_bytes())


def _put(file: Path, text: bytes) -> None:
    """Replaces the file in one step, so that a second run at the same time never reads half of it."""
    if file.exists() and file.read_bytes() == text:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".new", delete=False) as new:
        new.write(text)
    Path(new.name).replace(file)
