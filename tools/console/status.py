"""What runs, whether it works and how much memory it takes.

The state of the shop follows from what its services report, by the rule of `/v1/status`: both say the same.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from services.storefront.availability import State, service_state, shop_state
from tools.console.errors import Refused
from tools.console.external import remedy_for
from tools.console.lock import holder
from tools.console.paths import DataFolder
from tools.console.probes import NATS_BANNER, BannerProbe, HealthProbe
from tools.console.stack import BROKER, EDGE_PROCESS
from tools.console.state import ProcessState, StackState

EXIT_CODES: Final = {State.SERVING: 0, State.NOT_SERVING: 1, State.DEGRADED: 3}
"""Of `bookstore status`. 1 is also that of a shop that does not run, 2 that of a command that is not understood."""
MEANING: Final = {
    State.SERVING: "the shop sells",
    State.DEGRADED: "the shop sells, but not everything works",
    State.NOT_SERVING: "the shop cannot sell",
}


class NotRunning(Refused):
    """No stack runs on the data folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessHealth:
    """State of one process and the dependencies that it reports as out of reach."""

    state: State
    unavailable: tuple[str, ...] = ()

    def __str__(self) -> str:
        word = self.state.value.lower().replace("_", " ")
        return f"{word} ({', '.join(self.unavailable)})" if self.unavailable else word


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """The running stack, and the health of each process by name."""

    stack: StackState
    health: Mapping[str, ProcessHealth]

    @property
    def state(self) -> State:
        """State of the shop: that of its services, which nothing reaches without the edge."""
        parts = {name: health.state for name, health in self.health.items()}
        edge, broker = parts.pop(EDGE_PROCESS), parts.pop(BROKER, State.SERVING)
        if edge is not State.SERVING:
            return State.NOT_SERVING
        services = shop_state(parts)
        return State.DEGRADED if services is State.SERVING is not broker else services

    def problems(self, folder: DataFolder) -> Iterator[str]:
        """A line for each process that does not respond and each dependency out of reach, with what to do."""
        for process in self.stack.processes:
            if self.health[process.name].state is State.UNKNOWN:
                yield f"{process.name} does not respond (its supervisor: {process.phase}); see {process.log}"
        lacking: dict[str, list[str]] = {}
        for name, health in self.health.items():
            for dependency in health.unavailable:
                lacking.setdefault(dependency, []).append(name)
        for dependency, services in lacking.items():
            yield (
                f"{dependency} cannot be used by {', '.join(services)}; {remedy_for(dependency, folder)}; "
                "`bookstore doctor`, with the variables of the running shop, says why"
            )


def current(folder: DataFolder) -> Overview:
    """The running stack, each process asked at this moment. Raises NotRunning."""
    state = StackState.read(folder.state)
    if state is None or holder(folder.lock) is None:
        raise NotRunning(f"bookstore does not run on {folder.path}; start it with `make run` (or `bookstore up`)")
    return Overview(stack=state, health=asyncio.run(_asked(state, folder)))


def proportional_bytes(state: StackState) -> dict[str, int]:
    """Memory by process name, empty where the system does not tell. The supervisor counts too.

    A page that several processes share, such as one of a library, counts in parts (Linux: Pss, the proportional set
    size), so that the sum is what the stack takes from the machine.
    """
    pids = {**{process.name: process.pid for process in state.processes if process.pid}, "supervisor": state.supervisor}
    memory = {}
    for name, pid in pids.items():
        try:
            text = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
        except OSError:
            continue
        if share := re.search(r"^Pss:\s+(\d+) kB$", text, re.MULTILINE):
            memory[name] = int(share[1]) * 1024
    return memory


async def _asked(state: StackState, folder: DataFolder) -> dict[str, ProcessHealth]:
    health = await asyncio.gather(*(_ask(process, folder) for process in state.processes))
    return {process.name: one for process, one in zip(state.processes, health, strict=True)}


async def _ask(process: ProcessState, folder: DataFolder) -> ProcessHealth:
    if process.name in (BROKER, EDGE_PROCESS):
        banner = NATS_BANNER if process.name == BROKER else b""
        is_there = await BannerProbe(address=process.address.partition(",")[0], banner=banner)()
        return ProcessHealth(state=State.SERVING if is_there else State.UNKNOWN)
    probe = HealthProbe(service=process.name, address=process.address, certificates=folder.certificates)
    health = await probe.health()
    if health is None:
        return ProcessHealth(state=State.UNKNOWN)
    return ProcessHealth(
        state=service_state(serving=health.serving, unavailable=health.unavailable), unavailable=health.unavailable
    )
