"""Settings, ports, lock and the questions before a start: every refusal says what to do."""

from __future__ import annotations

import json
import os
import random
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from services import __version__
from tools.console.broker import Broker
from tools.console.environment import unknown
from tools.console.lock import AlreadyRunning, FolderLock, holder
from tools.console.paths import GENERATED
from tools.console.ports import free_ports, is_free
from tools.console.preflight import NotReady, examine, require
from tools.console.services import SOURCE, service_names
from tools.console.settings import ConsoleSettings
from tools.console.state import Phase, ProcessState, StackState
from tools.console.topology import Endpoint, endpoints, service_environment, shared_environment


def _command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs `bookstore` with this environment and nothing else of ours."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BOOKSTORE_")}
    done = subprocess.run(
        [sys.executable, "-m", "tools.console", *arguments],
        env=clean | environment | {"PYTHONPATH": f"{SOURCE}{os.pathsep}{GENERATED}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done


def _refusal(**environment: str) -> str:
    """What `bookstore doctor` says with this environment."""
    done = _command("doctor", **environment)
    assert done.returncode == 1, done.stdout
    return done.stdout + done.stderr


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def _settings(folder: Path, **values: object) -> ConsoleSettings:
    ports = free_ports(3)
    defaults = {"data_dir": folder, "http_port": ports[0], "grpc_port": ports[1], "admin_port": ports[2]}
    return ConsoleSettings.model_validate(defaults | values)


def test_the_defaults_are_those_of_the_documentation() -> None:
    fields = ConsoleSettings.model_fields
    assert (fields["http_port"].default, fields["grpc_port"].default, fields["admin_port"].default) == (
        8080,
        8081,
        9901,
    )
    assert fields["data_dir"].default == Path(".data")


def test_bad_values_are_named_with_a_remedy(tmp_path: Path) -> None:
    said = _refusal(
        BOOKSTORE_DATA_DIR=str(tmp_path),
        BOOKSTORE_HTTP_PORT="http",
        BOOKSTORE_DATABASE_URL="postgresql+psycopg://localhost/shop",
        BOOKSTORE_NATS_URL="localhost",
        BOOKSTORE_LOG_LEVEL="loud",
    )
    for words in (
        "BOOKSTORE_HTTP_PORT='http'",
        "choose a free port",
        "lacks {service}",
        "BOOKSTORE_NATS_URL='localhost': is not a URL",
        "choose debug, info, warning or error",
    ):
        assert words in said


BAD_FOR_SERVICES = {
    "BOOKSTORE_TRACES": "maybe",
    "BOOKSTORE_THREADS": "0",
    "BOOKSTORE_TRACE_SAMPLE": "7",
    "BOOKSTORE_CURRENCY": "EURO",
    "BOOKSTORE_SHIPPING_FEE_MINOR": "-5",
    "BOOKSTORE_CARTS_GUEST_DAYS": "never",
}


def test_doctor_names_what_the_services_would_refuse(tmp_path: Path) -> None:
    said = _refusal(BOOKSTORE_DATA_DIR=str(tmp_path), **BAD_FOR_SERVICES)
    for variable, value in BAD_FOR_SERVICES.items():
        line = next(line for line in said.splitlines() if f"{variable}={value!r}: " in line)
        assert line.startswith("FAIL")
        assert "unset it" in line
    assert "unset it for 16" in said


@pytest.mark.parametrize("command", [("up",), ("migrate",), ("seed",), ("token", "users/1"), ("serve", "catalog")])
def test_no_command_begins_with_a_bad_setting(tmp_path: Path, command: tuple[str, ...]) -> None:
    folder = tmp_path / "shop"
    done = _command(*command, BOOKSTORE_DATA_DIR=str(folder), BOOKSTORE_THREADS="0")
    assert done.returncode == 1
    assert done.stderr.startswith("BOOKSTORE_THREADS='0': ")
    assert len(done.stderr.splitlines()) == 1
    assert not (folder / "db").exists()


def test_all_bad_values_are_told_at_once(tmp_path: Path) -> None:
    done = _command("up", BOOKSTORE_DATA_DIR=str(tmp_path), BOOKSTORE_HTTP_PORT="http", BOOKSTORE_THREADS="0")
    assert [line.partition("=")[0] for line in sorted(done.stderr.splitlines())] == [
        "BOOKSTORE_HTTP_PORT",
        "BOOKSTORE_THREADS",
    ]


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("BOOKSTORE_HTTP_PORT", "http", "must be a whole number"),
        ("BOOKSTORE_LOG_LEVEL", "loud", "must be one of debug, info, warning, error"),
        ("BOOKSTORE_ENVIRONMENT", "prod", "must be one of development, production"),
        ("BOOKSTORE_MAIL_FROM", "x", "must be an email address"),
    ],
)
def test_doctor_fails_each_bad_setting_in_plain_words(tmp_path: Path, variable: str, value: str, problem: str) -> None:
    said = _refusal(BOOKSTORE_DATA_DIR=str(tmp_path), BOOKSTORE_THREADS="0", **{variable: value})
    (line,) = (line for line in said.splitlines() if variable in line)
    assert line.startswith(f"FAIL  {variable}={value!r}: {problem}")
    assert "FAIL  BOOKSTORE_THREADS='0': must be at least 2" in said


def test_what_is_no_json_is_named_and_a_secret_is_not_shown(tmp_path: Path) -> None:
    assert "BOOKSTORE_TARGETS: is not JSON" in _refusal(BOOKSTORE_DATA_DIR=str(tmp_path), BOOKSTORE_TARGETS="x")
    said = _refusal(BOOKSTORE_DATA_DIR=str(tmp_path), BOOKSTORE_SMTP_URL="http://me:hidden@host")
    assert "BOOKSTORE_SMTP_URL: must be like smtp://" in said
    assert "hidden" not in said


def test_a_database_that_the_shop_cannot_use(tmp_path: Path) -> None:
    done = _command("migrate", BOOKSTORE_DATA_DIR=str(tmp_path), BOOKSTORE_DATABASE_URL="mysql://localhost/{service}")
    assert (done.returncode, "it is PostgreSQL, or SQLite when left empty" in done.stderr) == (1, True)


def test_a_database_out_of_reach_is_told_in_the_words_of_its_driver(tmp_path: Path) -> None:
    url = f"postgresql://127.0.0.1:{free_ports(1)[0]}/{{service}}"
    done = _command("migrate", BOOKSTORE_DATA_DIR=str(tmp_path), BOOKSTORE_DATABASE_URL=url)
    assert done.returncode == 1
    assert "check BOOKSTORE_DATABASE_URL" in done.stderr
    assert "refused" in done.stderr


def test_a_variable_that_nothing_reads_is_a_warning_with_the_closest_name(tmp_path: Path) -> None:
    ports = dict(
        zip(("BOOKSTORE_HTTP_PORT", "BOOKSTORE_GRPC_PORT", "BOOKSTORE_ADMIN_PORT"), free_ports(3), strict=True)
    )
    environment = {name: str(port) for name, port in ports.items()} | {"BOOKSTORE_DATA_DIR": str(tmp_path)}
    done = _command("doctor", **environment, BOOKSTORE_HTP_PORT="1")
    assert done.returncode == 1
    assert "warn  BOOKSTORE_HTP_PORT: is not a setting and is ignored; did you mean BOOKSTORE_HTTP_PORT?" in done.stdout


def test_unknown_variables_are_ours_and_read_by_nobody() -> None:
    names = [
        "PATH",
        "BOOKSTORE_THREADS",
        "BOOKSTORE_CARTS_GUEST_DAYS",
        "bookstore_bind",
        "BOOKSTORE_XYZZY",
        "BOOKSTORE_TRACE",
    ]
    assert list(unknown(names)) == [("BOOKSTORE_TRACE", "BOOKSTORE_TRACES"), ("BOOKSTORE_XYZZY", "")]


@pytest.mark.parametrize("bind", ["10.9.9.9", "foo", "::1"])
def test_an_address_of_another_machine(tmp_path: Path, bind: str) -> None:
    with pytest.raises(NotReady) as refused:
        require(_settings(tmp_path, bind=bind))
    assert str(refused.value) == (
        f"BOOKSTORE_BIND={bind!r}: is no IPv4 address of this machine; give one, such as 127.0.0.1 or 0.0.0.0"
    )


def test_a_token_needs_an_account_and_a_shop(tmp_path: Path) -> None:
    missing = _command("token", "nobody@example.com", BOOKSTORE_DATA_DIR=str(tmp_path))
    assert "`make run`" in missing.stderr
    assert _command("migrate", "identity", BOOKSTORE_DATA_DIR=str(tmp_path)).returncode == 0
    unknown_account = _command("token", "nobody@example.com", BOOKSTORE_DATA_DIR=str(tmp_path))
    assert unknown_account.stderr == "there is no account nobody@example.com\n"


def test_the_running_shop_decides_whether_tokens_are_printed(tmp_path: Path) -> None:
    settings = _settings(tmp_path)
    settings.folder.make()
    lock = FolderLock(settings.folder.lock)
    lock.take()
    try:
        _state(environment="production").write(settings.folder.state)
        assert "in development only" in _command("token", "users/1", BOOKSTORE_DATA_DIR=str(tmp_path)).stderr
        _state(environment="development").write(settings.folder.state)
        assert "in development only" not in _command("token", "users/1", BOOKSTORE_DATA_DIR=str(tmp_path)).stderr
    finally:
        lock.release()


def test_short_help() -> None:
    assert _command("status", "-h").stdout == _command("status", "--help").stdout


def test_the_version() -> None:
    assert _command("--version").stdout == f"bookstore {__version__}\n"


def test_the_shell_completes_commands_and_names_of_services() -> None:
    def completed(*words: str) -> list[str]:
        line = " ".join(("bookstore", *words))
        given = {"_BOOKSTORE_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words))}
        return _command(**given).stdout.split()

    assert completed("st") == ["status"]
    assert completed("serve", "pro") == ["promotions"]
    assert completed("migrate", "i") == ["identity", "inventory"]


def test_the_help_tells_how_completion_is_installed_and_the_script_names_the_command() -> None:
    assert "bookstore --install-completion" in " ".join(_command("--help").stdout.split())
    command = f"{sys.executable} -m tools.console --show-completion; true"
    shown = subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, "PYTHONPATH": f"{SOURCE}{os.pathsep}{GENERATED}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "_BOOKSTORE_COMPLETE=complete_bash" in shown.stdout


def test_two_listeners_cannot_share_a_port(tmp_path: Path) -> None:
    said = _refusal(BOOKSTORE_DATA_DIR=str(tmp_path), BOOKSTORE_HTTP_PORT="8081", BOOKSTORE_GRPC_PORT="8081")
    assert "BOOKSTORE_GRPC_PORT and BOOKSTORE_HTTP_PORT are both 8081" in said


def test_doctor_names_the_port_that_is_taken_and_what_to_do(tmp_path: Path, taken_port: int) -> None:
    said = _refusal(BOOKSTORE_DATA_DIR=str(tmp_path), BOOKSTORE_GRPC_PORT=str(taken_port))
    assert f"FAIL  port {taken_port}: taken; stop what uses it, or set BOOKSTORE_GRPC_PORT to another port" in said
    assert "ok    Envoy" in said


def test_a_data_folder_that_cannot_be_written(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(NotReady, match="set BOOKSTORE_DATA_DIR to a folder that you may write to"):
        require(_settings(file))


def test_everything_a_start_needs_is_here(tmp_path: Path) -> None:
    assert [finding for finding in examine(_settings(tmp_path)) if not finding.is_good] == []


def test_free_ports_are_free_distinct_and_not_taken(taken_port: int) -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert all(is_free(port) for port in ports)
    assert not is_free(taken_port)


def test_free_ports_pass_over_those_in_use() -> None:
    first = free_ports(1, draw=random.Random(7))[0]
    with socket.create_server(("127.0.0.1", first)):
        assert free_ports(1, draw=random.Random(7)) != [first]
    assert free_ports(1, avoid=[first], draw=random.Random(7)) != [first]


def test_one_stack_per_data_folder(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    first, second = FolderLock(file), FolderLock(file)
    first.take()
    assert holder(file) == os.getpid()
    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}.*BOOKSTORE_DATA_DIR"):
        second.take()
    first.release()
    assert holder(file) is None
    second.take()
    second.release()


def test_nobody_holds_a_lock_that_was_never_taken(tmp_path: Path) -> None:
    assert holder(tmp_path / "lock") is None


def test_the_broker_flushes_each_message_and_asks_for_a_password(tmp_path: Path) -> None:
    broker = Broker.on(4222)
    broker.configure(tmp_path / "nats.conf", streams=tmp_path)
    text = (tmp_path / "nats.conf").read_text()
    assert "sync_interval: always" in text
    assert f'password: "{broker.password}"' in text
    assert broker.password in broker.url
    assert (tmp_path / "nats.conf").stat().st_mode & 0o777 == 0o600
    assert broker.password != Broker.on(4222).password


def test_every_service_has_ports_and_a_core_of_its_own_turn() -> None:
    places = endpoints(("carts", "catalog", "orders"))
    ports = [port for place in places for port in (place.port, place.metrics_port)]
    assert len(set(ports)) == 6
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) > 1:
        assert {place.core for place in places} == set(cores[:3])


def test_a_service_is_told_where_it_listens_and_where_its_peers_are(tmp_path: Path) -> None:
    shared = shared_environment(_settings(tmp_path, otlp_endpoint="http://127.0.0.1:4318"), nats_url="nats://n:1")
    place = Endpoint(service="orders", port=1, metrics_port=2, core=1)
    environment = service_environment(place, shared, targets={"catalog": ["127.0.0.1:3"]})
    assert environment["BOOKSTORE_LISTEN"] == "127.0.0.1:1"
    assert environment["BOOKSTORE_METRICS_PORT"] == "2"
    assert environment["BOOKSTORE_CORE"] == "1"
    assert json.loads(environment["BOOKSTORE_TARGETS"]) == {"catalog": ["127.0.0.1:3"]}
    assert environment["BOOKSTORE_NATS_URL"] == "nats://n:1"
    assert environment["BOOKSTORE_DATA_DIR"] == str(tmp_path)


def test_services_are_the_folders_with_a_composition_root(tmp_path: Path) -> None:
    for name in ("orders", "catalog"):
        (tmp_path / "services" / name).mkdir(parents=True)
        (tmp_path / "services" / name / "app.py").touch()
    (tmp_path / "services" / "chassis").mkdir()
    assert service_names(tmp_path) == ("catalog", "orders")


def _state(*, environment: str, processes: tuple[ProcessState, ...] = ()) -> StackState:
    return StackState(
        supervisor=1,
        http="http://a",
        grpc="a",
        admin="http://b",
        environment=environment,
        ready_seconds=1.5,
        processes=processes,
    )


def test_the_state_file_says_what_was_written(tmp_path: Path) -> None:
    process = ProcessState(
        name="orders", pid=7, phase=Phase.READY, address="a:1", metrics="a:2", log="orders.log", restarts=1
    )
    state = _state(environment="development", processes=(process,))
    state.write(tmp_path / "state.json")
    assert StackState.read(tmp_path / "state.json") == state
    assert StackState.read(tmp_path / "none") is None
