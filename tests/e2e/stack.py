"""The whole bookstore in processes of its own, started the way a user starts it."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from chassis.kernel.clock import monotonic
from tests.limits import HANG_SECONDS
from tools.console.ports import free_ports
from tools.console.state import Phase, ProcessState, StackState

ROOT: Final = Path(__file__).parents[2]
_PROGRAM: Final = (sys.executable, "-m", "tools.console")


class Bookstore:
    """One stack: `up`, and what it printed. `program` is the `bookstore` command, run in `folder`."""

    def __init__(
        self, data_dir: Path, *, program: Sequence[str | Path] = _PROGRAM, folder: Path = ROOT, **settings: str
    ) -> None:
        self.data_dir = data_dir
        self.program = program
        self.folder = folder
        self.http_port, self.grpc_port, self.admin_port = free_ports(3)
        self.environment = {
            **os.environ,
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'generated'}",
            "BOOKSTORE_DATA_DIR": str(data_dir),
            "BOOKSTORE_HTTP_PORT": str(self.http_port),
            "BOOKSTORE_GRPC_PORT": str(self.grpc_port),
            "BOOKSTORE_ADMIN_PORT": str(self.admin_port),
            **settings,
        }
        self.output: list[str] = []
        self._lines: queue.Queue[str | None]
        self._process: subprocess.Popen[str] | None = None

    @property
    def http(self) -> str:
        """Base URL of the JSON listener."""
        return f"http://127.0.0.1:{self.http_port}"

    @property
    def grpc(self) -> str:
        """Address of the gRPC listener."""
        return f"127.0.0.1:{self.grpc_port}"

    @property
    def pid(self) -> int:
        """Process id of the supervisor."""
        assert self._process is not None
        return self._process.pid

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs `bookstore` with arguments beside the running stack."""
        return subprocess.run(
            [*self.program, *arguments],
            env=self.environment,
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
            check=False,
        )

    def start(self) -> None:
        """Starts everything and waits for the line that says it is ready."""
        self._lines = queue.Queue()
        self._process = subprocess.Popen(
            [*self.program, "up"],
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(self._process, self._lines), daemon=True).start()
        deadline = monotonic() + 2 * HANG_SECONDS
        while True:
            try:
                line = self._lines.get(timeout=max(0.1, deadline - monotonic()))
            except queue.Empty:
                line = None
            if line is None:
                self.kill()
                raise AssertionError("the bookstore did not start:\n" + "\n".join(self.output))
            if "bookstore is ready" in line:
                return

    def _read(self, process: subprocess.Popen[str], lines: queue.Queue[str | None]) -> None:
        assert process.stdout is not None
        with process.stdout as output:
            for line in output:
                self.output.append(line.rstrip())
                lines.put(line)
        lines.put(None)

    def interrupt(self) -> None:
        """Sends the signal of Ctrl-C and waits for the end."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        self._process.wait(HANG_SECONDS)

    def kill(self) -> None:
        """Ends the supervisor at once, when it still runs."""
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait(HANG_SECONDS)

    def state(self) -> StackState:
        """What runs where, as the supervisor wrote it."""
        state = StackState.read(self.data_dir / "run" / "state.json")
        assert state is not None
        return state

    def process(self, name: str) -> ProcessState:
        """One process of the stack."""
        return next(process for process in self.state().processes if process.name == name)

    def kill_service(self, name: str) -> int:
        """SIGKILL to one service; answers the pid it had."""
        pid = self.process(name).pid
        os.kill(pid, signal.SIGKILL)
        return pid

    def is_back(self, name: str, old_pid: int) -> bool:
        """Whether the service runs again, as another process, and is ready."""
        process = self.process(name)
        return process.pid not in (0, old_pid) and process.phase is Phase.READY
