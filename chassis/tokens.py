"""Access tokens: the signed proof of which user a call is made for, verified by every service that receives it."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet

from chassis.kernel import Clock

_ALGORITHM: Final = "ES256"
_TOKENS_KEPT: Final = 4096
_SKEW_SECONDS: Final = 10  # as at the edge, so that no token expires between two services
_FETCH_SECONDS: Final = 10.0


class TokenInvalid(Exception):
    """The token is expired, or was not issued for this audience by this issuer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUser:
    """What a token says: the resource name of the user, the roles, and when it expires in seconds of Unix time."""

    name: str
    roles: frozenset[str]
    expires: float


class TokenVerifier:
    """Verifies JSON Web Tokens signed with ES256 (RFC 7519); safe for use by several threads.

    `fetch` returns the published keys as a JSON Web Key Set (RFC 7517). It is called when a token names a key that is
    not known, at most every ten seconds, so that made-up key ids do not become a stream of fetches. A verified token is
    remembered until it expires: verifying costs 150 microseconds, looking it up less than one.
    """

    def __init__(self, fetch: Callable[[], bytes], *, issuer: str, audience: str, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._claims = jwt.JWTClaimsRegistry(
            now=lambda: int(clock.now().timestamp()),
            leeway=_SKEW_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            exp={"essential": True},
            sub={"essential": True},
        )
        self._keys = KeySet([])
        self._next_fetch = float("-inf")
        self._fetching = threading.Lock()
        self._known: OrderedDict[str, TokenUser] = OrderedDict()
        self._remembering = threading.Lock()

    def verify(self, token: str) -> TokenUser:
        """Returns the user. Raises TokenInvalid, and what `fetch` raises, which is no fault of the token."""
        user = self._known.get(token)
        if user is None:
            user = self._verified(token)
            with self._remembering:
                self._known[token] = user
                if len(self._known) > _TOKENS_KEPT:
                    self._known.popitem(last=False)
        if user.expires + _SKEW_SECONDS <= self._clock.now().timestamp():
            raise TokenInvalid("the token has expired")
        return user

    def _verified(self, token: str) -> TokenUser:
        keys = self._keys
        try:
            return self._read(token, keys)
        except InvalidKeyIdError as error:
            if not self._fetch_keys(unless_other_than=keys):
                raise TokenInvalid(str(error)) from error
        try:
            return self._read(token, self._keys)
        except InvalidKeyIdError as error:
            raise TokenInvalid(str(error)) from error

    def _read(self, token: str, keys: KeySet) -> TokenUser:
        """Raises InvalidKeyIdError when the key is not among `keys`, TokenInvalid otherwise."""
        try:
            decoded = jwt.decode(token, keys, algorithms=[_ALGORITHM])
            if "kid" not in decoded.header:  # the library tries the only key of a set
                raise TokenInvalid("the token does not name its key")
            self._claims.validate(decoded.claims)
        except InvalidKeyIdError:
            raise
        except (JoseError, TypeError, ValueError) as error:
            raise TokenInvalid(str(error)) from error
        claims: dict[str, Any] = decoded.claims
        return TokenUser(
            name=str(claims["sub"]),
            roles=frozenset(str(role) for role in claims.get("roles", ())),
            expires=float(claims["exp"]),
        )

    def _fetch_keys(self, *, unless_other_than: KeySet) -> bool:
        """Says whether there are other keys than those."""
        with self._fetching:
            if self._keys is not unless_other_than:  # another thread has just fetched them
                return True
            now = self._clock.monotonic()
            if now < self._next_fetch:
                return False
            self._keys = KeySet.import_key_set(json.loads(self._fetch()))
            self._next_fetch = now + _FETCH_SECONDS
            return True
