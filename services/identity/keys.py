"""The keys that access tokens are signed with: one file each, named by the moment from which it signs.

Private keys are files of mode 0600 and not rows, so that no dump of the database can sign. `20260102T030405Z.pem`
signs from 2026-01-02 03:04:05 UTC until a newer key's moment comes, and is published as long as the file is there. So a
key is rotated by adding a file whose moment is to come, and retired by removing it: running processes notice.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from chassis.kernel import Clock

ALGORITHM: Final = "ES256"
_CURVE: Final = "P-256"
_NAME: Final = "%Y%m%dT%H%M%S%z"


class KeyUnreadable(RuntimeError):
    """A file among the keys is not one; the text names it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKey:
    """A key pair; `kid` is the thumbprint of its public part (RFC 7638)."""

    kid: str
    signs_from: datetime
    pair: ECKey = field(repr=False)

    def public_jwk(self) -> dict[str, object]:
        """The public part as a JSON Web Key (RFC 7517)."""
        return {**self.pair.as_dict(private=False), "use": "sig", "alg": ALGORITHM, "kid": self.kid}


class KeyRing:
    """The keys in a folder; the first one is made when there is none. Raises KeyUnreadable."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self._keys: tuple[SigningKey, ...] = ()
        self._names: tuple[str, ...] = ()
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._alone():
            if not any(folder.glob("*.pem")):
                self._write(clock.now())

    def signing_key(self) -> SigningKey:
        """The key that signs now: the newest whose moment has come, else the first."""
        keys, now = self._current(), self._clock.now()
        return next((key for key in reversed(keys) if key.signs_from <= now), keys[0])

    def published(self) -> bytes:
        """The JSON Web Key Set of all keys, public parts only."""
        return json.dumps({"keys": [key.public_jwk() for key in self._current()]}, separators=(",", ":")).encode()

    def add(self, signs_from: datetime) -> None:
        """Makes a key that signs from a moment on and is published at once."""
        with self._alone():
            self._write(signs_from)

    def _current(self) -> tuple[SigningKey, ...]:
        names = tuple(sorted(file.name for file in self._folder.glob("*.pem")))
        if names != self._names:
            if not names:
                raise KeyUnreadable(f"there is no key in {self._folder}")
            self._keys = tuple(_read(self._folder / name) for name in names)
            self._names = names
        return self._keys

    def _write(self, signs_from: datetime) -> None:
        pair = ECKey.generate_key(_CURVE)
        file = self._folder / f"{signs_from.astimezone(UTC):%Y%m%dT%H%M%SZ}.pem"
        draft = file.with_suffix(".draft")
        descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(pair.as_pem(private=True))
            stream.flush()
            os.fsync(stream.fileno())
        draft.rename(file)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keeps the workers of one folder from making a first key each."""
        with (self._folder / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def _read(file: Path) -> SigningKey:
    try:
        pair = ECKey.import_key(file.read_bytes())
        signs_from = datetime.strptime(file.stem, _NAME).astimezone(UTC)
    except (OSError, ValueError, JoseError) as error:
        raise KeyUnreadable(f"{file} is not a key of identity: {error}") from error
    return SigningKey(kid=pair.thumbprint(), signs_from=signs_from, pair=pair)
