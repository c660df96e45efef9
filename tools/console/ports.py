"""Ports on loopback."""

from __future__ import annotations

import contextlib
import errno
import ipaddress
import random
import socket
from collections.abc import Collection
from typing import Final

from tools.console.errors import Refused

LOOPBACK: Final = "127.0.0.1"

# Below the range from which systems take ports for outgoing connections: one of those would block a restarted service.
_FIRST: Final = 20_000
_LAST: Final = 32_000
_TRIES_PER_PORT: Final = 200


class NoFreePort(Refused):
    """No port of the range could be bound."""


def obstacle(port: int, *, host: str = LOOPBACK) -> str:
    """Why no server could listen on the port now, such as `taken`; empty when one could."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return "taken" if error.errno == errno.EADDRINUSE else (error.strerror or str(error)).lower()
        return ""


def is_free(port: int, *, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on the port now."""
    return not obstacle(port, host=host)


def reachable(bind: str) -> str:
    """An address for clients of this machine: a listener on every address is reached on loopback."""
    return LOOPBACK if bind == "0.0.0.0" else bind  # noqa: S104  # compared, not bound


def is_ours(host: str) -> bool:
    """Whether the text is an IPv4 address that a server on this machine can listen on. Names are not looked up."""
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return False
    return is_free(0, host=host)


def free_ports(count: int, *, avoid: Collection[int] = (), draw: random.Random | None = None) -> list[int]:
    """Distinct ports that are free now, drawn at random so that two stacks that start at once rarely meet.

    None is one of `avoid`: ports that something is about to take. Raises NoFreePort.
    """
    draw = draw or random.SystemRandom()
    found: list[int] = []
    for _ in range(count * _TRIES_PER_PORT):
        if len(found) == count:
            return found
        port = draw.randint(_FIRST, _LAST)
        if port not in found and port not in avoid and is_free(port):
            found.append(port)
    if len(found) == count:
        return found
    raise NoFreePort(f"fewer than {count} ports between {_FIRST} and {_LAST} are free on this machine")
