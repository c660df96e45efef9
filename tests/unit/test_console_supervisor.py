"""The supervisor with small real processes: order, restarts, stop, and what happens when it is killed itself."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tests.limits import HANG_SECONDS
from tools.console.errors import Refused
from tools.console.logs import LIMIT
from tools.console.process import Crash, PortTaken, Program, explanation, log_size, pause_before_restart, tail
from tools.console.services import SOURCE
from tools.console.state import Phase, StackState
from tools.console.supervisor import Stack, Supervisor, Task, run
from tools.console.terminal import Progress

# A child that says in a shared file what happens to it, and answers to "ready" by making a file.
_CHILD = """
import pathlib, signal, sys
name, folder, manner = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
def say(word):
    with (folder / "story").open("a") as story:
        story.write(f"{name} {word}\\n")
def leave(*_):
    if manner == "stubborn":
        return
    say("stops")
    sys.exit(0)
signal.signal(signal.SIGTERM, leave)
print("one\\ntwo", flush=True)
if manner == "crash":
    sys.exit("no such thing")
say("starts")
(folder / f"{name}.ready").touch()
while True:
    signal.pause()
"""


class Theatre:
    """Makes programs of small children in a folder and reads what they did."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state_file = folder / "state.json"

    def program(self, name: str, *, manner: str = "good", stop_within: float = 5.0) -> Program:
        """A program whose readiness is a file that it makes."""
        ready = self.folder / f"{name}.ready"

        async def is_ready() -> bool:
            return ready.exists()

        return Program(
            name=name,
            command=(sys.executable, "-c", _CHILD, name, str(self.folder), manner),
            environment=dict(os.environ),
            log=self.folder / f"{name}.log",
            is_ready=is_ready,
            stop_within=stop_within,
        )

    def task(self, name: str, *, code: str = "pass") -> Task:
        """A command that is run once."""
        say = f"open({str(self.folder / 'story')!r}, 'a').write('{name} runs\\n')"
        return Task(
            title=name,
            command=(sys.executable, "-c", f"{say}\n{code}"),
            environment=dict(os.environ),
            log=self.folder / f"{name}.log",
        )

    def stack(self, *services: Program, broker: Program | None = None, migration: Task | None = None) -> Stack:
        """A stack of these services; broker, edge, migration and opening are good children."""

        async def drain(*, within: float) -> None:
            with (self.folder / "story").open("a") as story:
                story.write("edge drains\n")

        return Stack(
            http="http://127.0.0.1:1",
            grpc="127.0.0.1:2",
            admin="http://127.0.0.1:3",
            environment="development",
            broker=broker or self.program("broker"),
            migration=migration or self.task("migration"),
            services=services or (self.program("service"),),
            edge=self.program("edge"),
            drain=drain,
            logs=self.folder,
            opening=self.task("opening"),
            places={"first password": self.folder / "opening.log", "mail": "sent", "none": self.folder / "none"},
            warnings=("the mail server is away",),
        )

    def supervisor(self, stack: Stack) -> tuple[Supervisor, Console]:
        """A supervisor and what it prints."""
        console = Console(record=True, file=io.StringIO(), highlight=False, soft_wrap=True)
        return Supervisor(stack, state_file=self.state_file, progress=Progress(console)), console

    def story(self) -> list[str]:
        """What the children said, in order."""
        return (self.folder / "story").read_text().splitlines()

    def state(self) -> StackState:
        """What the state file says."""
        state = StackState.read(self.state_file)
        assert state is not None
        return state

    def pid(self, name: str) -> int:
        """The process id of a child, from the state file."""
        return next(process.pid for process in self.state().processes if process.name == name)


@pytest.fixture
def theatre(tmp_path: Path) -> Theatre:
    return Theatre(tmp_path)


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(HANG_SECONDS):
        while not condition():
            await asyncio.sleep(0.01)


async def _is_up(theatre: Theatre) -> None:
    await _until(lambda: theatre.state_file.exists() and theatre.state().ready_seconds > 0)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def test_starts_in_order_and_stops_in_the_opposite_one(theatre: Theatre) -> None:
    async def scenario() -> str:
        supervisor, console = theatre.supervisor(theatre.stack())
        running = asyncio.create_task(supervisor.run())
        await _is_up(theatre)
        assert [process.phase for process in theatre.state().processes] == [Phase.READY] * 3
        supervisor.ask_to_stop()
        await running
        return console.export_text()

    printed = asyncio.run(scenario())
    story = theatre.story()
    assert sorted(story[:2]) == ["broker starts", "migration runs"]
    assert story[2:] == [
        "service starts",
        "edge starts",
        "opening runs",
        "edge drains",
        "edge stops",
        "service stops",
        "broker stops",
    ]
    lines = printed.splitlines()
    ready = [number for number, line in enumerate(lines) if line.startswith("bookstore is ready")]
    assert len(ready) == 1
    where = "JSON http://127.0.0.1:1, gRPC 127.0.0.1:2, Envoy's admin page http://127.0.0.1:3"
    assert lines[ready[0]].endswith(where)
    assert lines[ready[0] - 1] == f"stop: Ctrl-C, or kill -INT {os.getpid()}"
    assert lines[ready[0] - 2] == "warning: the mail server is away"
    assert lines[ready[0] - 4 : ready[0] - 2] == [f"first password: {theatre.folder / 'opening.log'}", "mail: sent"]
    assert "none:" not in printed
    assert not theatre.state_file.exists()


def test_a_killed_process_is_back_with_its_neighbours_untouched(theatre: Theatre) -> None:
    async def scenario() -> str:
        supervisor, console = theatre.supervisor(theatre.stack(theatre.program("one"), theatre.program("two")))
        running = asyncio.create_task(supervisor.run())
        await _is_up(theatre)
        killed, neighbour = theatre.pid("one"), theatre.pid("two")
        os.kill(killed, signal.SIGKILL)
        await _until(
            lambda: theatre.pid("one") not in (0, killed) and theatre.state().processes[1].phase == Phase.READY
        )
        assert theatre.pid("two") == neighbour
        assert theatre.state().processes[1].restarts == 1
        supervisor.ask_to_stop()
        await running
        return console.export_text()

    printed = asyncio.run(scenario())
    assert "one was ended by SIGKILL; starting it again. Its log ends with:\n  one\n  two" in printed


def test_a_process_that_ends_again_and_again_is_reported_less_and_less_often(theatre: Theatre) -> None:
    async def scenario() -> str:
        supervisor, console = theatre.supervisor(theatre.stack())
        running = asyncio.create_task(supervisor.run())
        await _is_up(theatre)
        for number in range(5):
            pid = theatre.pid("service")
            os.kill(pid, signal.SIGKILL)
            await _until(lambda pid=pid: theatre.pid("service") not in (0, pid))  # type: ignore[misc]
            assert theatre.state().processes[1].restarts == number + 1
        supervisor.ask_to_stop()
        await running
        return console.export_text()

    said = [line for line in asyncio.run(scenario()).splitlines() if "starting it again" in line]
    assert [" the 4th time in a row;" in line for line in said] == [False, False, True]


def test_no_log_of_a_running_stack_grows_without_bound(theatre: Theatre) -> None:
    async def scenario() -> None:
        supervisor, _ = theatre.supervisor(theatre.stack())
        running = asyncio.create_task(supervisor.run())
        await _is_up(theatre)
        access_log = theatre.folder / "edge-access.log"  # written by a process itself
        access_log.write_bytes(b"x" * (LIMIT + 1))
        await _until(lambda: access_log.stat().st_size == 0)
        supervisor.ask_to_stop()
        await running
        assert (theatre.folder / "edge-access.log.1").stat().st_size <= LIMIT

    asyncio.run(scenario())


def test_restarts_back_off_but_leave_time_to_be_back_within_five_seconds() -> None:
    pauses = [pause_before_restart(in_a_row) for in_a_row in range(20)]
    assert pauses[0] == 0
    assert pauses[:5] == sorted(set(pauses))
    assert max(pauses) <= 2


def test_a_process_that_never_gets_ready_is_started_less_and_less_often() -> None:
    pauses = [pause_before_restart(in_a_row, was_ready=False) for in_a_row in range(2000)]
    assert pauses == sorted(pauses)
    assert (pauses[0], max(pauses)) == (0, 10)


def test_a_service_that_ends_while_starting_fails_the_start_and_shows_its_log(theatre: Theatre) -> None:
    async def scenario() -> None:
        stack = theatre.stack(theatre.program("good"), theatre.program("bad", manner="crash"))
        supervisor, _ = theatre.supervisor(stack)
        await supervisor.run()

    with pytest.raises(Crash, match=r"bad ended while starting:(?s:.*)no such thing"):
        asyncio.run(scenario())
    assert "good starts" not in theatre.story() or "good stops" in theatre.story()
    assert "edge starts" not in theatre.story()
    assert "broker stops" in theatre.story()


def test_a_probe_that_sees_no_hope_fails_the_start_at_once(theatre: Theatre) -> None:
    async def is_ready() -> bool:
        raise Refused("a part of it is rejected")

    supervisor, _ = theatre.supervisor(theatre.stack(replace(theatre.program("service"), is_ready=is_ready)))
    with pytest.raises(Crash, match="a part of it is rejected"):
        asyncio.run(supervisor.run())
    assert "edge starts" not in theatre.story()


_BUSY = "raise SystemExit('catalog cannot start: cannot listen on 127.0.0.1:20001: it is in use')"


def test_a_port_that_was_taken_meanwhile_is_chosen_anew_once(theatre: Theatre) -> None:
    busy = dataclasses.replace(theatre.program("busy"), command=(sys.executable, "-c", _BUSY))
    stacks = [theatre.stack(busy), theatre.stack(busy)]
    with pytest.raises(PortTaken, match="cannot listen on"):
        run(lambda: stacks.pop(0), state_file=theatre.folder / "state.json", progress=Progress(), began=0.0)
    assert not stacks

    stacks = [theatre.stack(busy), theatre.stack(theatre.program("bad", manner="crash"))]
    with pytest.raises(Crash, match="no such thing"):
        run(lambda: stacks.pop(0), state_file=theatre.folder / "state.json", progress=Progress(), began=0.0)
    assert not stacks


def test_what_an_earlier_run_logged_is_not_shown_as_the_reason(theatre: Theatre) -> None:
    async def scenario() -> None:
        supervisor, _ = theatre.supervisor(theatre.stack(theatre.program("bad", manner="crash")))
        await supervisor.run()

    (theatre.folder / "bad.log").write_text('{"event": "serving"}\nbad cannot start: years ago\n')
    with pytest.raises(Crash) as crash:
        asyncio.run(scenario())
    assert "no such thing" in str(crash.value)
    assert "serving" not in str(crash.value)
    assert "years ago" not in str(crash.value)


def test_a_process_that_says_why_it_cannot_start_is_quoted(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("old\n")
    began = log_size(log)
    with log.open("a") as more:
        more.write('{"event": "one cannot start: no"}\none cannot start: the key is missing\n{"event": "after"}\n')
    assert explanation(log, began) == "  one cannot start: the key is missing"
    assert explanation(log, log_size(log)) == "  (it wrote nothing to its log)"


def test_a_failed_migration_starts_no_service(theatre: Theatre) -> None:
    async def scenario() -> None:
        stack = theatre.stack(migration=theatre.task("migration", code="raise SystemExit('the disk is full')"))
        supervisor, _ = theatre.supervisor(stack)
        await supervisor.run()

    with pytest.raises(Crash, match="the disk is full"):
        asyncio.run(scenario())
    assert "service starts" not in theatre.story()


def test_a_process_that_ignores_sigterm_is_killed_in_time(theatre: Theatre) -> None:
    async def scenario() -> int:
        supervisor, _ = theatre.supervisor(theatre.stack(theatre.program("deaf", manner="stubborn", stop_within=0.2)))
        running = asyncio.create_task(supervisor.run())
        await _is_up(theatre)
        pid = theatre.pid("deaf")
        supervisor.ask_to_stop()
        await asyncio.wait_for(running, HANG_SECONDS)
        return pid

    assert not _is_alive(asyncio.run(scenario()))


def test_asked_twice_it_does_not_wait(theatre: Theatre) -> None:
    async def scenario() -> None:
        supervisor, _ = theatre.supervisor(
            theatre.stack(theatre.program("deaf", manner="stubborn", stop_within=10 * HANG_SECONDS))
        )
        running = asyncio.create_task(supervisor.run())
        await _is_up(theatre)
        supervisor.ask_to_stop()
        await _until(lambda: "edge stops" in theatre.story())
        supervisor.ask_to_stop()
        await asyncio.wait_for(running, HANG_SECONDS)

    asyncio.run(scenario())


def test_one_ctrl_c_that_arrives_twice_is_one(theatre: Theatre) -> None:
    async def scenario() -> None:
        supervisor, _ = theatre.supervisor(theatre.stack())
        running = asyncio.create_task(supervisor.run())
        await _is_up(theatre)
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGTERM)
        await running

    asyncio.run(scenario())
    assert theatre.story()[-4:] == ["edge drains", "edge stops", "service stops", "broker stops"]


def test_stopping_during_the_start_leaves_nothing(theatre: Theatre) -> None:
    async def scenario() -> None:
        endless = theatre.task("migration", code="import signal; signal.pause()")
        supervisor, _ = theatre.supervisor(theatre.stack(migration=endless))
        running = asyncio.create_task(supervisor.run())
        await _until(lambda: (theatre.folder / "story").exists() and len(theatre.story()) == 2)
        supervisor.ask_to_stop()
        await asyncio.wait_for(running, HANG_SECONDS)

    asyncio.run(scenario())
    assert "service starts" not in theatre.story()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of their parent's death")
def test_no_child_outlives_a_killed_supervisor(tmp_path: Path) -> None:
    parent = f"""
import asyncio, pathlib, sys
from tools.console.process import spawn
async def main():
    child = await spawn([sys.executable, "-c", "import signal; signal.pause()"], environment={{}},
                        log=pathlib.Path({str(tmp_path / "log")!r}))
    print(child.pid, flush=True)
    await child.wait()
asyncio.run(main())
"""
    with subprocess.Popen(
        [sys.executable, "-c", parent], stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(SOURCE)}, text=True
    ) as supervisor:
        assert supervisor.stdout is not None
        pid = int(supervisor.stdout.readline())
        _wait_for_command(pid, "signal.pause")
        supervisor.kill()
        supervisor.wait()
    deadline = time.monotonic() + HANG_SECONDS
    while _is_alive(pid):
        assert time.monotonic() < deadline


def _wait_for_command(pid: int, words: str) -> None:
    deadline = time.monotonic() + HANG_SECONDS
    while words not in Path(f"/proc/{pid}/cmdline").read_text():
        assert time.monotonic() < deadline


def test_the_tail_of_a_log_is_its_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("".join(f"{number}\n" for number in range(100)))
    assert tail(log, lines=2) == "  98\n  99"
    assert tail(log, since=log_size(log) - 3) == "  99"
    assert tail(log, lines=1, since=10_000) == "  99"  # the log was moved aside meanwhile
    assert tail(tmp_path / "none") == "  (no log)"
