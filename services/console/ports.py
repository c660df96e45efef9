"""Ports on loopback."""

from __future__ import annotations

import contextlib
import random
import socket
from typing import Final

from services.console.errors import Refused

LOOPBACK: Final = "127.0.0.1"

# Below the range from which systems take ports for outgoing connections: one of those would block a restarted service.
_FIRST: Final = 20_000
_LAST: Final = 32_000
_TRIES_PER_PORT: Final = 200


class NoFreePort(Refused):
    """No port of the range could be bound."""


def is_free(port: int, *, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on the port now."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
        return True


def free_ports(count: int, *, draw: random.Random | None = None) -> list[int]:
    """Distinct ports that are free now, drawn at random so that two stacks that start at once rarely meet.

    Raises NoFreePort.
    """
    draw = draw or random.SystemRandom()
    found: list[int] = []
    for _ in range(count * _TRIES_PER_PORT):
        if len(found) == count:
            return found
        port = draw.randint(_FIRST, _LAST)
        if port not in found and is_free(port):
            found.append(port)
    if len(found) == count:
        return found
    raise NoFreePort(f"fewer than {count} ports between {_FIRST} and {_LAST} are free on this machine")
