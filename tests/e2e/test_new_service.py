"""`bookstore new service`, in a copy of the repository: its service passes every check and runs as it was written."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.shop import sign_in
from tests.e2e.stack import ROOT, Bookstore
from tests.limits import HANG_SECONDS

PROGRAMS = Path(sys.executable).parent
LONGEST = f"{'o' * 19}s"  # no line may become too long, whatever the name
NEW = ("services/wishes", "tests/unit/test_wishes_domain.py", "tests/integration/test_wishes.py")


def environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": f"{folder}{os.pathsep}{folder / 'generated'}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def run(folder: Path, *command: str) -> str:
    """What a command prints; tests that it succeeds."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=5 * HANG_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository with two new services."""
    folder = tmp_path_factory.mktemp("copy") / "bookstore"
    left_out = shutil.ignore_patterns(".venv", ".git", ".data", "build", "__pycache__", ".*_cache", ".hypothesis")
    shutil.copytree(ROOT, folder, ignore=left_out)
    shutil.copytree(ROOT / "build" / "typings", folder / "build" / "typings")
    printed = run(folder, sys.executable, "-m", "tools.console", "new", "service", "wishes")
    assert "services/wishes/wish.py\n" in printed
    assert "make check test-services" in printed
    run(folder, sys.executable, "-m", "tools.console", "new", "service", LONGEST)
    return folder


@pytest.mark.parametrize(
    "command",
    [
        "ruff format --check .",
        "ruff check .",
        "buf format --diff --exit-code protos",
        "buf lint",
        f"{sys.executable} -m tools.codegen check",
        "lint-imports --no-logo",
        f"mypy {' '.join(NEW)}",
    ],
)
def test_a_new_service_passes_each_part_of_make_check(copy: Path, command: str) -> None:
    program, *arguments = command.split()
    run(copy, str(PROGRAMS / program), *arguments)


def test_the_tests_of_a_new_service_pass_and_those_for_every_service(copy: Path) -> None:
    common = ("tests/architecture", "tests/contract/test_codegen_outputs.py", "tests/contract/test_codegen_openapi.py")
    printed = run(copy, sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--numprocesses=0", *NEW[1:], *common)
    assert " passed" in printed


def test_a_taken_name_changes_nothing(copy: Path) -> None:
    before = (copy / "pyproject.toml").read_text()
    again = [sys.executable, "-m", "tools.console", "new", "service", "wishes"]
    done = subprocess.run(again, cwd=copy, env=environment(copy), capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert "the name 'wishes' is taken: services/wishes exists" in " ".join(done.stderr.split())
    assert (copy / "pyproject.toml").read_text() == before


def test_a_new_service_responds_through_the_edge_over_json_and_grpc(copy: Path, tmp_path: Path) -> None:
    shop = Bookstore(tmp_path / "data", folder=copy, PYTHONPATH=environment(copy)["PYTHONPATH"])
    shop.start()
    try:
        admin = sign_in(shop.http, "admin@bookstore.example", (shop.data_dir / "admin-password").read_text())
        created = admin.post("/v1/wishes?wishId=emma", {"title": "Emma, in leather"})
        assert created["name"] == "wishes/emma"
        assert admin.get("/v1/wishes/emma") == created
        assert admin.send("POST", "/v1/wishes", {"title": ""}).fields == ["wish.title"]
        method = f"http://{shop.grpc}/bookstore.wishes.v1.WishesService/ListWishes"
        described_by_reflection = ("curl", "--protocol", "grpc", "--http2-prior-knowledge", "-d", "{}", method)
        (listed,) = json.loads(run(copy, str(PROGRAMS / "buf"), *described_by_reflection))["wishes"]
        assert listed == {field: value for field, value in created.items() if value}  # buf leaves empty fields out
        shop.interrupt()
    finally:
        shop.kill()
