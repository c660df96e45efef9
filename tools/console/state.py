"""What runs where: written by the supervisor, read by `bookstore status` and by tests."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path


class Phase(StrEnum):
    """What a process is doing, as its supervisor sees it."""

    STARTING = "starting"
    READY = "ready"
    WAITING = "waiting"
    """Ended by itself; about to be started again."""
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessState:
    """One process. `pid` is 0 while there is none; `metrics` is its Prometheus address or empty."""

    name: str
    pid: int
    phase: Phase
    address: str
    metrics: str
    log: str
    restarts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StackState:
    """One stack. `environment` is `development` or `production`; `ready_seconds` is how long the start took, 0 until it
    has finished.
    """

    supervisor: int
    http: str
    grpc: str
    admin: str
    environment: str
    ready_seconds: float
    processes: tuple[ProcessState, ...]

    @property
    def where(self) -> str:
        """Where clients and the curious find it."""
        return f"JSON {self.http}, gRPC {self.grpc}, Envoy's admin page {self.admin}"

    def write(self, file: Path) -> None:
        """Replaces the file whole, so that no reader meets half of it."""
        scratch = file.with_name(f".{file.name}")
        scratch.write_text(json.dumps(asdict(self), indent=1), encoding="utf-8")
        scratch.replace(file)

    @staticmethod
    def read(file: Path) -> StackState | None:
        """What stands in the file; None when no stack has run or it was stopped."""
        try:
            fields = json.loads(file.read_bytes())
        except FileNotFoundError:
            return None
        processes = tuple(ProcessState(**{**item, "phase": Phase(item["phase"])}) for item in fields.pop("processes"))
        return StackState(**fields, processes=processes)
