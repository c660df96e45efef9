"""What runs elsewhere and is not there: who says so, in which words, with which remedy and how fast."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from chassis.kernel.clock import monotonic
from tools.console.external import _WITHIN, address, examine_external, remedy_for
from tools.console.paths import GENERATED, DataFolder
from tools.console.ports import free_ports
from tools.console.services import SOURCE
from tools.console.settings import ConsoleSettings

URLS = {
    "BOOKSTORE_DATABASE_URL": "postgresql://shop:hidden@{}/{{service}}",
    "BOOKSTORE_NATS_URL": "nats://hidden@{}",
    "BOOKSTORE_SMTP_URL": "smtp://shop:hidden@{}",
    "BOOKSTORE_OTLP_ENDPOINT": "http://{}",
}
OPTIONAL = ("BOOKSTORE_SMTP_URL", "BOOKSTORE_OTLP_ENDPOINT")


def environment(folder: Path, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BOOKSTORE_")}
    ports = dict(
        zip(
            ("BOOKSTORE_HTTP_PORT", "BOOKSTORE_GRPC_PORT", "BOOKSTORE_ADMIN_PORT"), map(str, free_ports(3)), strict=True
        )
    )
    path = f"{SOURCE}{os.pathsep}{GENERATED}"
    return clean | ports | more | {"BOOKSTORE_DATA_DIR": str(folder / "shop"), "PYTHONPATH": path}


def command(folder: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tools.console", *arguments],
        env=environment(folder, **more),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def closed() -> str:
    """An address where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return f"127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def silent() -> Iterator[str]:
    """An address that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("variable", URLS)
def test_doctor_names_the_variable_the_reason_and_the_remedy(tmp_path: Path, variable: str, closed: str) -> None:
    done = command(tmp_path, "doctor", **{variable: URLS[variable].format(closed)})
    assert done.returncode == 1
    (line,) = [line for line in done.stdout.splitlines() if variable in line]
    assert line.startswith("warn" if variable in OPTIONAL else "FAIL")
    assert re.search(f"{closed}.*cannot be used.*[Rr]efused.*start.*or correct the URL; empty means", line)
    assert "hidden" not in done.stdout + done.stderr


@pytest.mark.parametrize("variable", ["BOOKSTORE_DATABASE_URL", "BOOKSTORE_NATS_URL"])
def test_without_its_database_or_broker_nothing_is_started(tmp_path: Path, variable: str, closed: str) -> None:
    done = command(tmp_path, "up", **{variable: URLS[variable].format(closed)})
    assert done.returncode == 1
    assert done.stderr.startswith(f"{variable}: ")
    assert not (tmp_path / "shop" / "run").exists()


def test_the_reason_tells_a_wrong_password_from_a_missing_jetstream(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    with subprocess.Popen(
        [Path(sys.executable).parent / "nats-server", "-a", "127.0.0.1", "-p", str(port), "--auth", "sesame"],
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        assert server.stderr is not None
        while "Server is ready" not in server.stderr.readline():
            pass
        reasons = {}
        for password in ("wrong", "sesame"):
            settings = ConsoleSettings(data_dir=tmp_path, nats_url=f"nats://{password}@127.0.0.1:{port}")
            (reasons[password],) = examine_external(settings)
        server.kill()
    assert "Authorization Violation" in reasons["wrong"].detail
    assert "no JetStream" in reasons["sesame"].detail


def test_what_never_replies_holds_nobody_up(tmp_path: Path, silent: str) -> None:
    values = {variable.removeprefix("BOOKSTORE_").lower(): url.format(silent) for variable, url in URLS.items()}
    began = monotonic()
    findings = list(examine_external(ConsoleSettings.model_validate({"data_dir": tmp_path, **values})))
    assert monotonic() - began < 5 * _WITHIN
    assert {finding.subject for finding in findings} == set(URLS)
    assert not any(finding.is_good for finding in findings)


def test_a_value_that_is_no_url_is_not_probed(tmp_path: Path) -> None:
    done = command(tmp_path, "doctor", BOOKSTORE_SMTP_URL="http://127.0.0.1:1")
    assert [line[:4] for line in done.stdout.splitlines() if "BOOKSTORE_SMTP_URL" in line] == ["FAIL"]


def test_an_embedded_shop_has_nothing_elsewhere(tmp_path: Path) -> None:
    assert list(examine_external(ConsoleSettings(data_dir=tmp_path))) == []
    assert list(examine_external(ConsoleSettings(data_dir=tmp_path, otlp_endpoint="http://h:1", traces="off"))) == []


def test_addresses_are_shown_without_secrets() -> None:
    assert address("postgresql+psycopg://shop:p%40ss@db:5432/{service}") == "postgresql+psycopg://db:5432/{service}"
    assert address("smtp://mail") == "smtp://mail"


def test_what_services_report_has_a_remedy(tmp_path: Path) -> None:
    for dependency in ("database", "broker", "mail server", "mail folder", "trace collector"):
        assert remedy_for(dependency, DataFolder(path=tmp_path))
