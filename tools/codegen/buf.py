"""Calls buf on this repository, with the virtual environment's programs first on PATH."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from tools.codegen.contract import ContractError
from tools.codegen.third_party import assemble

THIRD_PARTY = Path("build/third_party")
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


def selected(root: Path, built: bytes, types: Sequence[str]) -> bytes:
    """The part of the descriptor set `built` that describes `types` (packages, RPCs, messages, enums) and all they use.

    Comments stay with what they explain. Raises ContractError.
    """
    wanted = [f"--type={name}" for name in types]
    return _run(root, "build", "-", *wanted, "--as-file-descriptor-set", "-o", "-", stdin=built)


def python_stubs(root: Path, target: Path) -> None:
    """Writes the Python modules and their type stubs into `target`/generated, by buf.gen.yaml. Raises ContractError."""
    _run(root, "generate", "-o", str(target))


def typings(root: Path) -> None:
    """Writes type stubs for the installed, untyped packages google.{api,rpc,type} into `root`/build/typings."""
    template = {
        "version": "v2",
        "plugins": [{"local": "protoc-gen-mypy", "opt": "readable_stubs", "out": "build/typings"}],
    }
    paths = [f"--path={THIRD_PARTY / folder}" for folder in _TYPED]
    _run(root, "generate", str(THIRD_PARTY), *paths, "--template", json.dumps(template))


def breaking(root: Path, base: bytes) -> None:
    """Compares the contracts at `root` with `base`, an older descriptor set. Raises ContractError naming each break."""
    with tempfile.NamedTemporaryFile(suffix=".binpb") as against:
        against.write(base)
        against.flush()
        _run(root, "breaking", "protos", "--exclude-imports", "--against", against.name)


def _run(root: Path, *arguments: str, stdin: bytes = b"") -> bytes:
    programs = Path(sys.executable).parent
    environment = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}",
        "PYTHONPATH": str(root),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command: Sequence[str] = [str(programs / "buf"), *arguments]
    done = subprocess.run(command, cwd=root, env=environment, input=stdin, capture_output=True, check=False)
    if done.returncode != 0:
        raise ContractError((done.stderr + done.stdout).decode(errors="replace").strip())
    return done.stdout
