"""What the README tells users to type works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.stack import ROOT, Bookstore
from tests.limits import HANG_SECONDS

README = (ROOT / "README.md").read_text()
PASTED = re.findall(r"<!-- executed by tests/e2e/test_readme.py -->\n```bash\n(.*?)```", README, re.DOTALL)


def test_both_purchases_are_there_to_paste() -> None:
    assert len(PASTED) == 2


@pytest.mark.parametrize("script", PASTED, ids=["curl", "grpcurl"])
def test_a_purchase_can_be_pasted(bookstore: Bookstore, script: str) -> None:
    for default, port in (("8080", bookstore.http_port), ("8081", bookstore.grpc_port)):
        script = script.replace(f"127.0.0.1:{default}", f"127.0.0.1:{port}")
    search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env={**os.environ, "PATH": search},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert shell.returncode == 0, shell.stderr
    assert "STATE_CONFIRMED" in shell.stdout, shell.stdout + shell.stderr


def test_every_make_target_it_names_exists() -> None:
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", README)) - {"alone"}
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test", "protos"} <= named <= targets


def test_every_command_it_names_exists(bookstore: Bookstore) -> None:
    shown = bookstore.command("--help").stdout
    for command in ("up", "serve", "migrate", "seed", "status", "doctor", "token"):
        assert f"`{command}" in README
        assert command in shown


def test_it_stays_short_and_its_links_lead_somewhere() -> None:
    assert len(README.splitlines()) <= 200
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert link.startswith("http") or (ROOT / link).exists(), link
