"""Access tokens: short-lived proofs of who somebody is, which the edge checks with the published keys."""

from __future__ import annotations

from typing import Final

from joserfc import jwt

from chassis.kernel import Clock, Ids
from services.identity.account import ACCESS_TOKEN_LIFE, User
from services.identity.keys import ALGORITHM, KeyRing

ISSUER: Final = "https://bookstore.example"
AUDIENCE: Final = "bookstore"
"""Issuer and audience are those that envoy/authentication.yaml accepts."""


class AccessTokens:
    """Makes access tokens: JSON Web Tokens (RFC 7519) signed with ES256."""

    def __init__(self, keys: KeyRing, *, clock: Clock, ids: Ids) -> None:
        self._keys = keys
        self._clock = clock
        self._ids = ids

    def issue(self, user: User) -> str:
        """A token that says for ten minutes who `user` is and what they may do."""
        key, now = self._keys.signing_key(), int(self._clock.now().timestamp())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": user.name,
            "roles": sorted(user.roles),
            "iat": now,
            "exp": now + int(ACCESS_TOKEN_LIFE.total_seconds()),
            "jti": self._ids.new(),
        }
        return jwt.encode({"alg": ALGORITHM, "kid": key.kid}, claims, key.pair, algorithms=[ALGORITHM])
