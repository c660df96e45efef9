"""The service in the library's README runs as it stands there, with nothing of the bookstore on the path."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import grpc
import grpc_tools
import pytest
from grpc_tools import protoc

import chassis
from chassis.testing import refused
from tests.limits import HANG_SECONDS

LIBRARY = Path(chassis.__file__).parent
README = (LIBRARY / "README.md").read_text()
PROGRAM = "import runpy, sys; sys.path[:0] = sys.argv[1:]; runpy.run_path('greeter.py', run_name='__main__')"


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The README's files, the stubs of its contract, the library and the module of the validation rules."""
    source = tmp_path / "demo/greeter/v1/greeter.proto"
    source.parent.mkdir(parents=True)
    source.write_text(block("proto"))
    (tmp_path / "greeter.py").write_text(block("python"))
    (tmp_path / "chassis").symlink_to(LIBRARY)
    (tmp_path / "buf").symlink_to(LIBRARY.parent / "generated/buf")
    include = [tmp_path, LIBRARY.parent / "protos", Path(grpc_tools.__file__).parent / "_proto"]
    outputs = [f"--python_out={tmp_path}", f"--grpc_python_out={tmp_path}"]
    assert protoc.main(["protoc", *(f"-I{path}" for path in include), *outputs, str(source)]) == 0
    return tmp_path


def test_the_service_of_the_readme_runs(folder: Path) -> None:
    site = sysconfig.get_path("purelib")  # without -S its .pth files would add the repository
    process = subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", "-c", PROGRAM, str(folder), site],
        cwd=folder,
        env={**os.environ, "BOOKSTORE_TRACES": "off", "BOOKSTORE_DATA_DIR": str(folder / "data")},
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    with process:
        try:
            lines = []
            for line in process.stderr:
                lines.append(line)
                if '"serving"' in line:
                    break
            else:
                pytest.fail("".join(lines))
            with grpc.insecure_channel(f"127.0.0.1:{json.loads(lines[-1])['port']}") as channel:
                greet: grpc.UnaryUnaryMultiCallable[bytes, bytes]
                greet = channel.unary_unary("/demo.greeter.v1.GreeterService/Greet")
                assert greet(b"\n\x03Ada", timeout=HANG_SECONDS) == b"\n\nHello, Ada"
                with refused(grpc.StatusCode.INVALID_ARGUMENT, "NAME_MISSING") as refusal:
                    greet(b"", timeout=HANG_SECONDS)
                assert refusal.domain == "greeter.demo"
            process.send_signal(signal.SIGTERM)
            assert process.wait(HANG_SECONDS) == 0
        finally:
            process.kill()


def test_the_readme_names_the_public_api() -> None:
    named = set(re.findall(r"`(\w+)`", README.partition("## Public API")[2].partition("\n\n`chassis.testing`")[0]))
    assert named == set(chassis.__all__)
    assert all(getattr(chassis, name) is not None for name in chassis.__all__)
    with pytest.raises(AttributeError):
        getattr(chassis, "Absent")  # noqa: B009  # a name that mypy would not allow
