"""What the person who typed `bookstore up` sees."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.table import Table

from services.storefront.availability import State
from tools.console.state import Phase, ProcessState, StackState

if TYPE_CHECKING:
    from tools.console.status import ProcessHealth

_COLOURS: Final[Mapping[Phase | State, str]] = {
    Phase.READY: "green",
    Phase.STARTING: "yellow",
    Phase.WAITING: "red",
    Phase.STOPPED: "dim",
    State.SERVING: "green",
    State.DEGRADED: "yellow",
    State.NOT_SERVING: "red",
    State.UNKNOWN: "red",
}


class Progress:
    """Reports a start, what runs where, and what goes wrong; plain lines where there is no terminal."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, soft_wrap=True)

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """Shows that something is going on and, when it ends well, how long it took."""
        began = time.monotonic()
        if self._console.is_terminal:
            with self._console.status(title):
                yield
        else:
            yield
        self._console.print(f"{title:<32} {time.monotonic() - began:5.1f} s")

    def say(self, text: str) -> None:
        """One or more lines as they are."""
        self._console.print(text, markup=False)

    def runs(self, state: StackState, *, places: Mapping[str, Path | str], warnings: Sequence[str]) -> None:
        """What runs where, where passwords, mail and logs are, what was warned of before the start, how to stop, and
        the one line that says the shop is open: a reader who waits for it has seen the rest.

        A place that is a path is shown when it is there.
        """
        self.table(state)
        for what, place in places.items():
            if isinstance(place, str) or place.exists():
                self.say(f"{what}: {_short(str(place))}")
        for warning in warnings:
            self.say(f"warning: {warning}")
        self.say(f"stop: Ctrl-C, or kill -INT {state.supervisor}")
        self.say(f"bookstore is ready in {state.ready_seconds:.1f} s: {state.where}")

    def table(
        self,
        state: StackState,
        *,
        memory: Mapping[str, int] | None = None,
        health: Mapping[str, ProcessHealth] | None = None,
    ) -> None:
        """Every process; with `memory`, its bytes by process name too; with `health`, that instead of its phase."""
        if not self._console.is_terminal:
            for process in state.processes:
                self.say(_line(process, _state(process, health), memory))
            return
        table = Table(box=None, header_style="bold")
        for heading in ("process", "pid", "state", "address", "metrics", "log", *(("memory",) if memory else ())):
            table.add_column(heading, justify="right" if heading in ("pid", "memory") else "left", overflow="fold")
        for process in state.processes:
            colour = _COLOURS[health[process.name].state if health else process.phase]
            state_cell = f"[{colour}]{_state(process, health)}[/]"
            cells = [process.name, str(process.pid or ""), state_cell, process.address]
            cells += [process.metrics, _short(process.log)]
            cells += [_megabytes(memory.get(process.name, 0))] if memory else []
            table.add_row(*cells)
        self._console.print(table, soft_wrap=False)


def _line(process: ProcessState, state: str, memory: Mapping[str, int] | None) -> str:
    fields = [process.name, f"pid={process.pid or '-'}", f"state={state}", f"address={process.address}"]
    fields += [f"metrics={process.metrics}"] if process.metrics else []
    fields += [f"memory={_megabytes(memory.get(process.name, 0))}"] if memory else []
    return "  ".join([*fields, f"log={_short(process.log)}"])


def _state(process: ProcessState, health: Mapping[str, ProcessHealth] | None) -> str:
    word = str(health[process.name] if health else process.phase)
    return f"{word}, {process.restarts} restarts" if process.restarts else word


def _short(log: str) -> str:
    path = Path(log)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else log


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:.0f} MB" if size else "-"
