"""Starts a stack in order, keeps it running, and stops it in the opposite order."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from tools.console.logs import keep_bounded
from tools.console.process import ManagedProcess, PortTaken, Program, run_to_end, tail
from tools.console.state import StackState
from tools.console.terminal import Progress

_BROKER_WITHIN: Final = 15.0  # seconds a start may take before it counts as failed
_SERVICE_WITHIN: Final = 60.0
_EDGE_WITHIN: Final = 30.0
_ONE_SIGNAL: Final = 0.5  # seconds within which signals count as one
_DRAIN_WITHIN: Final = 2.0  # seconds that requests at the edge have to finish when the stack stops


class Drain(Protocol):
    """Lets what is under way at the edge finish."""

    def __call__(self, *, within: float) -> Awaitable[None]:
        """Returns when nothing is under way or after `within` seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A command that is run once and must succeed."""

    title: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    log: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Everything one stack consists of, and where clients find it."""

    http: str
    grpc: str
    admin: str
    environment: str
    broker: Program | None
    migration: Task
    services: tuple[Program, ...]
    edge: Program
    drain: Drain
    logs: Path
    """The folder of every log file; they are kept from growing without bound while the stack runs."""
    opening: Task | None
    """What is done once the edge answers: administrator and first books."""
    places: Mapping[str, Path | str] = field(default_factory=dict)
    """Where passwords, mail and logs are, by what each is; shown at every start."""
    warnings: tuple[str, ...] = ()
    """What does not stop the start; shown again at its end."""


class Supervisor:
    """Runs one stack until it is asked to stop."""

    def __init__(self, stack: Stack, *, state_file: Path, progress: Progress, began: float | None = None) -> None:
        """`began` is the time.monotonic() of the command's start, for the figure in the ready line."""
        self._stack = stack
        self._state_file = state_file
        self._progress = progress
        self._began = time.monotonic() if began is None else began
        self._ready_seconds = 0.0
        self._stop_asked = asyncio.Event()
        self._at_once = False
        self._last_signal = float("-inf")
        self._is_up = False
        self._write_due: asyncio.TimerHandle | None = None
        self._broker = [self._managed(stack.broker)] if stack.broker else []
        self._services = [self._managed(program) for program in stack.services]
        self._edge = [self._managed(stack.edge)]

    @property
    def state(self) -> StackState:
        """What runs where at this moment."""
        return StackState(
            supervisor=os.getpid(),
            http=self._stack.http,
            grpc=self._stack.grpc,
            admin=self._stack.admin,
            environment=self._stack.environment,
            ready_seconds=self._ready_seconds,
            processes=tuple(process.state for process in self._all),
        )

    async def run(self) -> None:
        """Starts everything, says so, and returns after SIGINT, SIGTERM or SIGHUP once everything has stopped.

        Raises Crash or TimeoutError when the start fails, after stopping what had started.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, self._signalled)
        starting = asyncio.create_task(self._start(), name="start")
        stop_asked = asyncio.create_task(self._stop_asked.wait(), name="stop-asked")
        bounding = asyncio.create_task(keep_bounded(self._stack.logs), name="bound-logs")
        try:
            await asyncio.wait({starting, stop_asked}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                starting.result()
                await stop_asked
        finally:
            stop_asked.cancel()
            await _cancel(starting)
            await self._stop()
            await _cancel(bounding)

    def ask_to_stop(self) -> None:
        """Stops the stack; asked a second time, without waiting for anything to finish."""
        if self._stop_asked.is_set():
            self._at_once = True
            for process in self._all:
                process.kill()
        self._stop_asked.set()

    def _signalled(self) -> None:
        """One Ctrl-C may arrive twice, from the terminal and from the program that started this one."""
        now = time.monotonic()
        if now - self._last_signal > _ONE_SIGNAL:
            self.ask_to_stop()
        self._last_signal = now

    async def _start(self) -> None:
        stack = self._stack
        with self._progress.step("broker and databases"):
            await _together(
                *(self._up(process, _BROKER_WITHIN) for process in self._broker),
                self._run(stack.migration),
            )
        with self._progress.step(f"{len(self._services)} services"):
            await _together(*(self._up(process, _SERVICE_WITHIN) for process in self._services))
        with self._progress.step("edge"):
            await self._up(self._edge[0], _EDGE_WITHIN)
        if stack.opening:
            with self._progress.step(stack.opening.title):
                await self._run(stack.opening)
        self._is_up = True
        self._ready_seconds = time.monotonic() - self._began
        self._write_state()
        self._progress.runs(self.state, places=stack.places, warnings=stack.warnings)

    async def _stop(self) -> None:
        was_up, self._is_up = self._is_up, False
        with self._progress.step("stopping"):
            if was_up and not self._at_once:
                await self._stack.drain(within=_DRAIN_WITHIN)
            for group in (self._edge, self._services, self._broker):
                await asyncio.gather(*(process.stop(at_once=self._at_once) for process in group))
        if self._write_due:
            self._write_due.cancel()
        self._state_file.unlink(missing_ok=True)

    @staticmethod
    async def _up(process: ManagedProcess, within: float) -> None:
        process.start()
        await process.wait_ready(within=within)

    @staticmethod
    async def _run(task: Task) -> None:
        await run_to_end(task.command, environment=task.environment, log=task.log, name=task.title)

    @property
    def _all(self) -> list[ManagedProcess]:
        return [*self._broker, *self._services, *self._edge]

    def _managed(self, program: Program) -> ManagedProcess:
        return ManagedProcess(program, changed=self._changed, ended=self._ended)

    def _ended(self, process: ManagedProcess, description: str) -> None:
        """Says so; of a process that ends again and again every time that the count has doubled."""
        count = process.ends_in_a_row
        if self._is_up and count & (count - 1) == 0:
            again = f", the {count}th time in a row" if count > 2 else ""
            self._progress.say(
                f"{process.program.name} {description}{again}; starting it again. Its log ends with:\n"
                f"{tail(process.program.log, lines=5)}"
            )

    def _changed(self) -> None:
        """Changes come in bursts; the file is written once for each."""
        if self._write_due is None and not self._stop_asked.is_set():
            self._write_due = asyncio.get_running_loop().call_later(0.02, self._write_state)

    def _write_state(self) -> None:
        self._write_due = None
        self.state.write(self._state_file)


def run(assemble: Callable[[], Stack], *, state_file: Path, progress: Progress, began: float) -> None:
    """Runs a stack until it is asked to stop. When something takes one of its ports before it does, such as another
    shop that starts at the same time, it is assembled and started once more, with other ports.

    Raises Crash or TimeoutError when the start fails.
    """
    try:
        asyncio.run(Supervisor(assemble(), state_file=state_file, progress=progress, began=began).run())
    except PortTaken as taken:
        progress.say(f"{taken}\nstarting once more, with other ports")
        asyncio.run(Supervisor(assemble(), state_file=state_file, progress=progress, began=began).run())


async def _together(*work: Coroutine[Any, Any, None]) -> None:
    """Runs all at once; when one fails, cancels the others and raises its error."""
    tasks = [asyncio.create_task(item) for item in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            await _cancel(task)


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.wait({task})
