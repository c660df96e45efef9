"""Calls buf on this repository, with the virtual environment's programs first on PATH."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from tools.codegen.contract import OWN_ROOTS, ContractError
from tools.codegen.third_party import assemble

THIRD_PARTY = Path("build/third_party")
# In buf's image format a file that is only imported carries field 8042 (ImageFileExtension) with is_import set. Without
# it buf takes files that nobody imports any more for deleted ones.
_IMPORT_MARK = b"\xd2\xf6\x03\x02\x08\x01"
_TYPED = ("google/api", "google/rpc", "google/type")


def build(root: Path) -> bytes:
    """All files of the workspace at `root` as a FileDescriptorSet, third-party ones included, with source info.

    Raises ContractError.
    """
    assemble(root / THIRD_PARTY)
    return _run(root, "build", "--as-file-descriptor-set", "-o", "-")


def descriptors(root: Path) -> FileDescriptorSet:
    """What `build` says, read. Raises ContractError."""
    return FileDescriptorSet.FromString(build(root))


def python_stubs(root: Path, target: Path) -> None:
    """Writes the Python modules and their type stubs into `target`/generated, by buf.gen.yaml. Raises ContractError."""
    _run(root, "generate", "-o", str(target))


def typings(root: Path, target: Path) -> None:
    """Writes type stubs for the installed, untyped packages google.{api,rpc,type} into `target`/generated/typings."""
    template = {
        "version": "v2",
        "plugins": [{"local": "protoc-gen-mypy", "opt": "readable_stubs", "out": "generated/typings"}],
    }
    paths = [f"--path={THIRD_PARTY / folder}" for folder in _TYPED]
    _run(root, "generate", str(THIRD_PARTY), *paths, "--template", json.dumps(template), "-o", str(target))


def breaking(root: Path, base: bytes) -> None:
    """Compares the contracts at `root` with `base`, an older descriptor set. Raises ContractError naming each break."""
    image = FileDescriptorSet()
    for file in FileDescriptorSet.FromString(base).file:
        mark = b"" if file.package.startswith(OWN_ROOTS) else _IMPORT_MARK
        image.file.append(FileDescriptorProto.FromString(file.SerializeToString() + mark))
    with tempfile.NamedTemporaryFile(suffix=".binpb") as against:
        against.write(image.SerializeToString())
        against.flush()
        _run(root, "breaking", "protos", "--exclude-imports", "--against", against.name)


def _run(root: Path, *arguments: str) -> bytes:
    programs = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(root),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command: Sequence[str] = [str(programs / "buf"), *arguments]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, check=False)
    if done.returncode != 0:
        raise ContractError((done.stderr + done.stdout).decode(errors="replace").strip())
    return done.stdout
