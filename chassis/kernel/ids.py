"""The port for new identifiers: the only place where randomness is drawn."""

from __future__ import annotations

import secrets
import time
from typing import Protocol

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: no i, l, o, u
_RANDOM_BITS, _CHARACTER_BITS = 80, 5
_LENGTH = 26


class Ids(Protocol):
    """Makes identifiers."""

    def new(self) -> str:
        """A new id: 26 lower-case characters that sort by time of creation to the millisecond."""
        ...

    def secret(self, bits: int = 256) -> str:
        """An unguessable URL-safe text with `bits` bits of randomness."""
        ...


class SystemIds:
    """Ids as ULIDs (48 bits of milliseconds, 80 random bits, base 32), in lower case."""

    def new(self) -> str:
        """A new id: 26 lower-case characters that sort by time of creation to the millisecond."""
        milliseconds = time.time_ns() // 1_000_000
        number = (milliseconds << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
        shifts = range((_LENGTH - 1) * _CHARACTER_BITS, -1, -_CHARACTER_BITS)
        return "".join(_ALPHABET[(number >> shift) & 31] for shift in shifts)

    def secret(self, bits: int = 256) -> str:
        """An unguessable URL-safe text with `bits` bits of randomness."""
        return secrets.token_urlsafe((bits + 7) // 8)
