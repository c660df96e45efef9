"""Which access tokens are accepted, and when the keys are fetched."""

from __future__ import annotations

import base64
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from chassis.testing import FakeClock
from chassis.tokens import TokenInvalid, TokenVerifier
from tests.limits import HANG_SECONDS

ISSUER, AUDIENCE = "https://issuer.test", "shop"


class Issuer:
    """Signs tokens and publishes its keys, counting how often they are fetched."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.keys = [ECKey.generate_key("P-256")]
        self.fetches = 0
        self.failure: Exception | None = None

    def fetch(self) -> bytes:
        self.fetches += 1
        if self.failure is not None:
            raise self.failure
        return json.dumps(
            {"keys": [{**key.as_dict(private=False), "kid": key.thumbprint()} for key in self.keys]}
        ).encode()

    def token(self, *, key: ECKey | None = None, header: dict[str, object] | None = None, **claims: object) -> str:
        """A token good for ten minutes; `claims` replace its claims or, as None, drop them."""
        signer = key or self.keys[-1]
        now = int(self.clock.now().timestamp())
        payload = {"iss": ISSUER, "aud": AUDIENCE, "sub": "users/1", "roles": ["staff"], "exp": now + 600} | claims
        head = {"alg": "ES256", "kid": signer.thumbprint()} | (header or {})
        return jwt.encode(
            {name: value for name, value in head.items() if value is not None},
            {name: value for name, value in payload.items() if value is not None},
            signer,
        )


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def issuer(clock: FakeClock) -> Issuer:
    return Issuer(clock)


@pytest.fixture
def verifier(issuer: Issuer, clock: FakeClock) -> TokenVerifier:
    return TokenVerifier(issuer.fetch, issuer=ISSUER, audience=AUDIENCE, clock=clock)


def test_a_token_tells_user_and_roles_and_is_verified_once(issuer: Issuer, verifier: TokenVerifier) -> None:
    token = issuer.token()
    user = verifier.verify(token)
    assert (user.name, user.roles) == ("users/1", frozenset({"staff"}))
    assert verifier.verify(token) is user
    assert issuer.fetches == 1


def test_a_token_lives_as_long_as_it_does_at_the_edge(
    issuer: Issuer, verifier: TokenVerifier, clock: FakeClock
) -> None:
    token, fresh_to_us = issuer.token(), issuer.token(roles=[])
    verifier.verify(token)
    clock.advance(timedelta(seconds=609))
    verifier.verify(token)
    verifier.verify(fresh_to_us)
    clock.advance(timedelta(seconds=2))
    for expired in (token, issuer.token(exp=int(clock.now().timestamp()) - 11)):
        with pytest.raises(TokenInvalid):
            verifier.verify(expired)


@pytest.mark.parametrize(
    "claims",
    [
        {"iss": "https://other.test"},
        {"iss": None},
        {"aud": "other"},
        {"aud": None},
        {"exp": None},
        {"exp": "soon"},
        {"sub": None},
        {"nbf": 4102444800},
    ],
)
def test_claims_that_do_not_hold(issuer: Issuer, verifier: TokenVerifier, claims: dict[str, Any]) -> None:
    with pytest.raises(TokenInvalid):
        verifier.verify(issuer.token(**claims))


def test_only_the_signature_of_a_published_key_counts(issuer: Issuer, verifier: TokenVerifier) -> None:
    foreign = ECKey.generate_key("P-256")
    header, payload, signature = issuer.token().split(".")
    other = issuer.token(sub="users/2").split(".")[1]
    unsigned = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
    for token in (
        issuer.token(key=foreign, header={"kid": issuer.keys[0].thumbprint()}),
        issuer.token(key=foreign),
        issuer.token(header={"kid": None}),
        f"{header}.{other}.{signature}",
        f"{unsigned}.{payload}.",
        f"{header}.{payload}",
    ):
        with pytest.raises(TokenInvalid):
            verifier.verify(token)


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"alg": ["ES256"]},
        {"alg": {"a": 1}, "kid": 1},
        {"alg": "ES256", "kid": ["x"]},
        {"alg": "ES256", "kid": {}},
        {"alg": "ES256", "crit": ["x"]},
        {"alg": "ES256", "b64": False},
        {"alg": "HS256", "kid": "x"},
    ],
)
def test_what_is_no_token_is_invalid(verifier: TokenVerifier, header: object) -> None:
    encoded = base64.urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
    for token in (encoded, f"{encoded}.e30.e30", f"{encoded}.bnVsbA.AAAA", "", "..", "null", "é.é.é"):
        with pytest.raises(TokenInvalid):
            verifier.verify(token)


def test_an_unknown_key_is_fetched_at_most_every_ten_seconds(
    issuer: Issuer, verifier: TokenVerifier, clock: FakeClock
) -> None:
    verifier.verify(issuer.token())
    for _ in range(50):
        with pytest.raises(TokenInvalid):
            verifier.verify(issuer.token(key=ECKey.generate_key("P-256")))
    assert issuer.fetches == 1
    issuer.keys.append(ECKey.generate_key("P-256"))
    rotated = issuer.token()
    with pytest.raises(TokenInvalid):
        verifier.verify(rotated)
    clock.advance(timedelta(seconds=10))
    verifier.verify(rotated)
    verifier.verify(issuer.token(key=issuer.keys[0]))
    assert issuer.fetches == 2


def test_keys_that_cannot_be_fetched_are_no_fault_of_the_token(issuer: Issuer, verifier: TokenVerifier) -> None:
    issuer.failure = ConnectionError("identity is down")
    token = issuer.token()
    with pytest.raises(ConnectionError):
        verifier.verify(token)
    issuer.failure = None
    assert verifier.verify(token).name == "users/1"


def test_threads_that_need_the_keys_at_once_fetch_them_once(issuer: Issuer, verifier: TokenVerifier) -> None:
    together, names = threading.Barrier(8), []

    def verify(number: int) -> None:
        token = issuer.token(sub=f"users/{number}")
        together.wait(HANG_SECONDS)
        names.append(verifier.verify(token).name)

    threads = [threading.Thread(target=verify, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(HANG_SECONDS)
    assert sorted(names) == [f"users/{number}" for number in range(8)]
    assert issuer.fetches == 1
