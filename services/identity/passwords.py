"""Password hashes: Argon2id, as many at once as one process can bear."""

from __future__ import annotations

import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import VerifyMismatchError

from chassis.kernel import Ids
from chassis.v1.platform_errors import Overloaded

# The smallest of the settings the OWASP Password Storage Cheat Sheet recommends; about 25 ms on one core.
_MEMORY_KIB: Final = 19 * 1024
_PASSES: Final = 2
_LANES: Final = 1
_AT_ONCE: Final = 2
"""Hashes computed at once: a worker has one core, and each takes 19 MiB."""


class Passwords:
    """Hashes and compares passwords.

    At most `places` calls are here at once, two of them computing, so that a wave of sign-ins leaves threads for the
    rest; further ones are refused with Overloaded.
    """

    def __init__(self, ids: Ids, *, places: int) -> None:
        self._hasher = PasswordHasher(time_cost=_PASSES, memory_cost=_MEMORY_KIB, parallelism=_LANES, type=Type.ID)
        self._limit = places
        self._places = threading.BoundedSemaphore(places)
        self._computing = threading.BoundedSemaphore(_AT_ONCE)
        self._nobodys = self._hasher.hash(ids.secret())

    def hash(self, password: str) -> str:
        """The hash to keep, in PHC form with its salt and costs."""
        with self._turn():
            return self._hasher.hash(_prepared(password))

    def match(self, password_hash: str | None, password: str) -> bool:
        """Whether the password is the one of the hash.

        Without a hash it never is, and takes the same time: nobody learns from the clock whether an account exists.
        """
        with self._turn():
            try:
                self._hasher.verify(password_hash or self._nobodys, _prepared(password))
            except VerifyMismatchError:
                return False
        return password_hash is not None

    @contextmanager
    def _turn(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            raise Overloaded(limit=self._limit, detail="too many passwords are being checked; try again later")
        try:
            with self._computing:
                yield
        finally:
            self._places.release()


def _prepared(password: str) -> str:
    """One form for all ways to type a character (Unicode NFC, as RFC 8265, section 4.2.2, asks)."""
    return unicodedata.normalize("NFC", password)
