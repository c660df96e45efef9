"""One child process that is kept running."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.console import logs
from tools.console.errors import Refused
from tools.console.state import Phase, ProcessState

_CHILD: Final = Path(__file__).with_name("child.py")
_PROBE_INTERVAL: Final = 0.05  # seconds between two questions whether it is ready
_STEADY_AFTER: Final = 10.0  # seconds after which a process counts as recovered and back-off begins anew
_FIRST_PAUSE: Final = 0.25  # seconds before the second restart in a row; the first is immediate
_LONGEST_PAUSE: Final = 2.0  # seconds; with its start a process is back within 5, however often it is killed
_LONGEST_PAUSE_UNREADY: Final = 10.0  # seconds, for one that ends before it is ready: starts cost processor time
_TAIL_BYTES: Final = 64 * 1024
_OWN_WORDS: Final = " cannot start: "  # chassis.process says it so
_TAKEN: Final = (f"{_OWN_WORDS}cannot listen on ", "address already in use")  # so say services, and the broker


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run and how to tell that it works.

    `is_ready` is asked again and again until it says yes; when it raises Refused, the start has failed.
    `stop_within` is how many seconds SIGTERM has before SIGKILL. `folder` is the working directory, unless it is the
    console's.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    is_ready: Callable[[], Awaitable[bool]]
    stop_within: float
    address: str = ""
    metrics: str = ""
    folder: Path | None = None


def pause_before_restart(in_a_row: int, *, was_ready: bool = True) -> float:
    """Seconds to wait with a restart when `in_a_row` others went before it shortly.

    A process that `was_ready` was ended from outside; one that was not will most likely end again.
    """
    longest = _LONGEST_PAUSE if was_ready else _LONGEST_PAUSE_UNREADY
    return min(longest, _FIRST_PAUSE * 2 ** (min(in_a_row, 16) - 1)) if in_a_row else 0.0


class Crash(Refused):
    """A process ended although nobody asked it to; the message has its last log lines."""


class PortTaken(Crash):
    """A process ended while starting because something else took its port after it was chosen."""


async def spawn(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path, folder: Path | None = None
) -> asyncio.subprocess.Process:
    """Starts a command that dies with this process, cut off from the terminal, writing to the end of `log`."""
    logs.bound(log)
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(_CHILD), str(os.getpid())),
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env=dict(environment),
            cwd=folder,
            start_new_session=True,  # a Ctrl-C in the terminal is for the supervisor, which stops children in order
        )


class ManagedProcess:
    """Runs a program, starts it again when it ends, and stops it when told."""

    def __init__(
        self, program: Program, *, changed: Callable[[], None], ended: Callable[[ManagedProcess, str], None]
    ) -> None:
        """`changed` is called after each change of state; `ended` with a description after each unasked end."""
        self.program = program
        self.phase = Phase.STOPPED
        self.restarts = 0
        self.ends_in_a_row = 0
        """How often it has ended unasked without having run for a while in between."""
        self._changed = changed
        self._ended = ended
        self._process: asyncio.subprocess.Process | None = None
        self._ready = asyncio.Event()
        self._crashed = asyncio.Event()
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = False
        self._was_ready = False
        self._refusal = ""
        self._log_began = 0

    @property
    def state(self) -> ProcessState:
        """For the table and the state file."""
        alive = self._process is not None and self._process.returncode is None
        return ProcessState(
            name=self.program.name,
            pid=self._process.pid if alive and self._process is not None else 0,
            phase=self.phase,
            address=self.program.address,
            metrics=self.program.metrics,
            log=str(self.program.log),
            restarts=self.restarts,
        )

    def start(self) -> None:
        """Starts to keep the program running."""
        self._log_began = log_size(self.program.log)
        self._keeper = asyncio.create_task(self._keep(), name=f"keep-{self.program.name}")

    async def wait_ready(self, *, within: float) -> None:
        """Returns when the program works. Raises PortTaken or another Crash when it ends before or has no hope to, and
        TimeoutError after `within` seconds.
        """
        ready = asyncio.create_task(self._ready.wait())
        crashed = asyncio.create_task(self._crashed.wait())
        try:
            await asyncio.wait({ready, crashed}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
            crashed.cancel()
        if self._refusal:
            raise Crash(f"{self._refusal}\n{tail(self.program.log, since=self._log_began)}")
        if self._crashed.is_set():
            reason = explanation(self.program.log, self._log_began)
            kind = PortTaken if any(words in reason for words in _TAKEN) else Crash
            raise kind(f"{self.program.name} ended while starting:\n{reason}")
        if not self._ready.is_set():
            raise TimeoutError(
                f"{self.program.name} was not ready after {within:g} s; {self.program.log} ends with:\n"
                f"{tail(self.program.log, since=self._log_began)}"
            )

    async def stop(self, *, at_once: bool = False) -> None:
        """Ends the process: SIGTERM, then SIGKILL after the program's time; SIGKILL right away when `at_once`."""
        self._stopping = True
        process = self._process
        if process is not None and process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL if at_once else signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), self.program.stop_within)
            except TimeoutError:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if self._keeper is not None:
            self._keeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._keeper
        self._become(Phase.STOPPED)

    def kill(self) -> None:
        """Ends the process for good, without any time to finish; `stop` still has to be awaited."""
        self._stopping = True
        if self._process is not None and self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._stopping:
            began = loop.time()
            description = await self._run_once()
            if self._is_stopping():
                return
            if loop.time() - began > _STEADY_AFTER:
                self.ends_in_a_row = 0
            self._crashed.set()
            self._become(Phase.WAITING)
            pause = pause_before_restart(self.ends_in_a_row, was_ready=self._was_ready)
            self.ends_in_a_row += 1
            self._ended(self, description)
            await asyncio.sleep(pause)
            self.restarts += 1

    async def _run_once(self) -> str:
        self._become(Phase.STARTING)
        try:
            self._process = await spawn(
                self.program.command,
                environment=self.program.environment,
                log=self.program.log,
                folder=self.program.folder,
            )
        except OSError as error:
            self._was_ready = False
            return f"could not be started: {error}"
        self._changed()
        probing = asyncio.create_task(self._probe(), name=f"probe-{self.program.name}")
        try:
            code = await self._process.wait()
        finally:
            probing.cancel()
            self._was_ready = self._ready.is_set()
            self._ready.clear()
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    async def _probe(self) -> None:
        try:
            while not await self.program.is_ready():
                await asyncio.sleep(_PROBE_INTERVAL)
        except Refused as error:
            self._refusal = str(error)
            self._crashed.set()
            return
        self._ready.set()
        self._become(Phase.READY)

    def _is_stopping(self) -> bool:
        return self._stopping  # asked anew: it changes while the keeper waits

    def _become(self, phase: Phase) -> None:
        self.phase = phase
        self._changed()


async def run_to_end(command: Sequence[str], *, environment: Mapping[str, str], log: Path, name: str) -> None:
    """Runs a command that is to finish. Raises Crash when it fails; ends it when cancelled."""
    began = log_size(log)
    process = await spawn(command, environment=environment, log=log)
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    if code != 0:
        raise Crash(f"{name} failed (exit code {code}):\n{explanation(log, began)}")


def log_size(log: Path) -> int:
    """Bytes in a log: what is written from now on lies behind them."""
    return log.stat().st_size if log.exists() else 0


def explanation(log: Path, since: int) -> str:
    """Why a process ended: the line in which it says so itself, or else the last lines it wrote."""
    said = [line for line in _last_lines(log, since) or () if _OWN_WORDS in line and not line.startswith("{")]
    return f"  {said[-1]}" if said else tail(log, since=since)


def tail(log: Path, *, lines: int = 12, since: int = 0) -> str:
    """The last lines of a log file, none of which was written before it had `since` bytes."""
    last = _last_lines(log, since)
    if last is None:
        return "  (no log)"
    return "\n".join(f"  {line}" for line in last[-lines:]) or "  (it wrote nothing to its log)"


def _last_lines(log: Path, since: int) -> list[str] | None:
    try:
        with log.open("rb") as file:
            size = log_size(log)
            began = since if since <= size else 0  # it was moved aside meanwhile
            file.seek(max(began, size - _TAIL_BYTES))
            return file.read().decode(errors="replace").splitlines()
    except OSError:
        return None
