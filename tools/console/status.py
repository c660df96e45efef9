"""What runs, whether it works and how much memory it takes."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path

from tools.console.errors import Refused
from tools.console.folders import DataFolder
from tools.console.lock import holder
from tools.console.probes import BannerProbe, HealthProbe
from tools.console.stack import BROKER, EDGE_PROCESS
from tools.console.state import Phase, ProcessState, StackState


class NotRunning(Refused):
    """No stack runs on the data folder."""


def current(folder: DataFolder) -> StackState:
    """The running stack, each process asked at this moment. Raises NotRunning."""
    state = StackState.read(folder.state)
    if state is None or holder(folder.lock) is None:
        raise NotRunning(f"bookstore does not run on {folder.path}; start it with `make run` (or `bookstore up`)")
    return replace(state, processes=tuple(asyncio.run(_asked(state, folder))))


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


async def _asked(state: StackState, folder: DataFolder) -> list[ProcessState]:
    return list(await asyncio.gather(*(_ask(process, folder) for process in state.processes)))


async def _ask(process: ProcessState, folder: DataFolder) -> ProcessState:
    if not process.pid or process.phase is not Phase.READY:
        return process
    probe: BannerProbe | HealthProbe
    if process.name in (BROKER, EDGE_PROCESS):
        probe = BannerProbe(address=process.address.partition(",")[0])
    else:
        probe = HealthProbe(service=process.name, address=process.address, certificates=folder.certificates)
    return process if await probe() else replace(process, phase=Phase.STARTING)
