"""The commands of docs/clients.md work in a clean clone, and the clients they generate in the running shop."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.stack import ROOT, Bookstore
from tests.limits import HANG_SECONDS

PAGE = (ROOT / "docs" / "clients.md").read_text()
PROGRAMS = Path(sys.executable).parent
BLOCKS = dict(
    re.findall(r"<!-- executed by tests/e2e/test_client_generators.py: (\w+) -->\n```bash\n(.*?)```", PAGE, re.DOTALL)
)


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The committed repository and nothing else."""
    if not (ROOT / ".git").exists():
        pytest.skip("this is no git repository, so there is nothing to clone")
    target = tmp_path_factory.mktemp("clone") / "bookstore"
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(target)], check=True, timeout=HANG_SECONDS)
    return target


def pasted(clone: Path, block: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs a block in the clone, with the repository's programs first on PATH but none of its packages."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", BLOCKS[block]],
        cwd=clone,
        env={**kept, "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}", **environment},
        capture_output=True,
        text=True,
        timeout=5 * HANG_SECONDS,  # npm and pip may have packages to fetch
        check=False,
    )


def needs(*programs: str) -> None:
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on the PATH")


def test_every_block_has_a_test() -> None:
    assert set(BLOCKS) == {"typescript", "python", "go", "protoc", "sources"}


def test_a_python_client_buys_a_book(clone: Path, bookstore: Bookstore) -> None:
    done = pasted(clone, "python", BOOKSTORE_GRPC_PORT=str(bookstore.grpc_port))
    assert done.returncode == 0, done.stderr
    assert "STATE_CONFIRMED" in done.stdout
    client = clone / "build" / "clients" / "python"
    found = subprocess.run(
        [sys.executable, "-c", "import bookstore.orders.v1.orders_service_pb2_grpc as stub; print(stub.__file__)"],
        env={**os.environ, "PYTHONPATH": str(client)},
        capture_output=True,
        text=True,
        check=True,
        timeout=HANG_SECONDS,
    )
    assert found.stdout.startswith(str(client)), "the stubs of this repository were used, not the generated ones"


def test_a_typescript_client_buys_a_book_and_reads_the_reason_of_an_error(clone: Path, bookstore: Bookstore) -> None:
    needs("node", "npm")
    trial = subprocess.run(
        ["npm", "view", "@bufbuild/protoc-gen-es", "version"], capture_output=True, check=False, timeout=HANG_SECONDS
    )
    if trial.returncode != 0:
        pytest.skip("npm cannot install packages here")
    done = pasted(clone, "typescript", BOOKSTORE_GRPC_PORT=str(bookstore.grpc_port))
    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("orders/")
    assert lines[0].endswith(", CONFIRMED")
    assert lines[-1] == "NotFound: BOOK_NOT_FOUND"


def test_go_code_is_generated_in_the_callers_module(clone: Path) -> None:
    needs("protoc-gen-go", "protoc-gen-go-grpc")
    done = pasted(clone, "go")
    assert done.returncode == 0, done.stderr
    client = clone / "build" / "clients" / "go" / "bookstore" / "orders" / "v1"
    assert (client / "orders_service_grpc.pb.go").is_file()
    order = (client / "order.pb.go").read_text()
    assert '"example.com/you/bookstore/bookstore/promotions/v1"' in order
    assert '"google.golang.org/genproto/googleapis/type/money"' in order


@pytest.mark.parametrize("protoc", ["protoc", f"{sys.executable} -m grpc_tools.protoc"], ids=["protoc", "grpc_tools"])
def test_protoc_compiles_the_contracts_alone(clone: Path, protoc: str) -> None:
    needs(protoc.split()[0])
    shutil.rmtree(clone / "build" / "clients" / "protoc", ignore_errors=True)
    done = pasted(clone, "protoc", PROTOC=protoc)
    assert done.returncode == 0, done.stderr
    written = {path.name for path in (clone / "build" / "clients" / "protoc").rglob("*_pb2.py")}
    assert written >= {path.stem + "_pb2.py" for path in (clone / "protos").rglob("*.proto")}


def test_buf_builds_the_sources_after_one_command(clone: Path) -> None:
    # What the target of make runs, without its set-up: that would take the virtual environment of this repository for
    # the clone's own and rebuild it.
    assert BLOCKS["sources"] == "make third-party\nbuf build\n"
    assert "\nthird-party: setup-dev" in (clone / "Makefile").read_text()
    environment = {**os.environ, "PYTHONPATH": f"{clone}{os.pathsep}{clone / 'generated'}"}
    for command in ([sys.executable, "-m", "tools.codegen", "third-party"], [str(PROGRAMS / "buf"), "build"]):
        done = subprocess.run(
            command, cwd=clone, env=environment, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert (clone / "build" / "third_party" / "buf" / "validate" / "validate.proto").is_file()


def test_the_public_contract_reads_as_json(clone: Path) -> None:
    command = [str(PROGRAMS / "buf"), "build", "generated/public.binpb", "-o", "-#format=json"]
    done = subprocess.run(command, cwd=clone, capture_output=True, check=True, timeout=HANG_SECONDS)
    assert b"PlaceOrder" in done.stdout
    assert b"ReserveStock" not in done.stdout
