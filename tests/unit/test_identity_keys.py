"""Keys in their folder, the tokens they sign, and password hashes."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from chassis.kernel import Role, SystemIds
from chassis.testing import FakeClock
from chassis.v1.platform_errors import Overloaded
from services.identity.account import User
from services.identity.keys import KeyRing, KeyUnreadable
from services.identity.passwords import Passwords
from services.identity.tokens import AccessTokens

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ANN = User(
    id="ann",
    display_name="Ann",
    email="ann@example.com",
    roles=frozenset({Role.CUSTOMER, Role.STAFF}),
    create_time=NOW,
    update_time=NOW,
)


class TestKeyRing:
    def test_the_first_start_makes_a_key_that_later_starts_find(self, tmp_path: Path) -> None:
        first = KeyRing(tmp_path / "keys", FakeClock(NOW)).signing_key()
        again = KeyRing(tmp_path / "keys", FakeClock(NOW + timedelta(days=1))).signing_key()
        assert first.kid == again.kid
        assert [file.name for file in tmp_path.glob("keys/*.pem")] == ["20260102T030405Z.pem"]

    def test_many_first_starts_make_one_key(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(4) as pool:
            rings = list(pool.map(lambda _: KeyRing(tmp_path, FakeClock(NOW)), range(4)))
        assert len({ring.signing_key().kid for ring in rings}) == 1

    def test_only_the_owner_reads_it(self, tmp_path: Path) -> None:
        KeyRing(tmp_path / "keys", FakeClock(NOW))
        files = [tmp_path / "keys", *tmp_path.glob("keys/*.pem")]
        assert [file.stat().st_mode & 0o777 for file in files] == [0o700, 0o600]

    def test_a_new_key_is_published_before_it_signs(self, tmp_path: Path) -> None:
        clock = FakeClock(NOW)
        ring, other = KeyRing(tmp_path, clock), KeyRing(tmp_path, clock)
        old = other.signing_key()
        ring.add(NOW + timedelta(minutes=5))
        published = [key["kid"] for key in json.loads(other.published())["keys"]]
        assert len(published) == 2
        assert other.signing_key().kid == old.kid == published[0]
        clock.advance(timedelta(minutes=5))
        assert other.signing_key().kid == published[1]

    def test_what_is_published_has_no_private_part(self, tmp_path: Path) -> None:
        (key,) = json.loads(KeyRing(tmp_path, FakeClock(NOW)).published())["keys"]
        assert set(key) == {"kty", "crv", "x", "y", "use", "alg", "kid"}

    def test_a_broken_file_is_named(self, tmp_path: Path) -> None:
        (tmp_path / "20260101T000000Z.pem").write_text("not a key")
        with pytest.raises(KeyUnreadable, match=r"20260101T000000Z\.pem"):
            KeyRing(tmp_path, FakeClock(NOW)).signing_key()


def test_an_access_token_says_who_and_what_for_ten_minutes(tmp_path: Path) -> None:
    ring, clock = KeyRing(tmp_path, FakeClock(NOW)), FakeClock(NOW)
    text = AccessTokens(ring, clock=clock, ids=SystemIds()).issue(ANN)
    token = jwt.decode(text, KeySet.import_key_set(json.loads(ring.published())), algorithms=["ES256"])
    assert token.header == {"typ": "JWT", "alg": "ES256", "kid": ring.signing_key().kid}
    issued = int(NOW.timestamp())
    assert len(token.claims.pop("jti")) == 26
    assert token.claims == {
        "iss": "https://bookstore.example",
        "aud": "bookstore",
        "sub": "users/ann",
        "roles": ["customer", "staff"],
        "iat": issued,
        "exp": issued + 600,
    }


class TestPasswords:
    def test_only_the_right_password_matches(self) -> None:
        passwords = Passwords(SystemIds(), places=4)
        kept = passwords.hash("correct horse")
        assert kept.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert passwords.match(kept, "correct horse")
        assert not passwords.match(kept, "correct house")
        assert not passwords.match(None, "correct horse")

    def test_two_ways_to_type_a_character_are_the_same(self) -> None:
        passwords = Passwords(SystemIds(), places=4)
        assert passwords.match(passwords.hash("caf\u00e9 au lait"), "cafe\u0301 au lait")

    def test_no_more_calls_than_there_are_places(self) -> None:
        passwords = Passwords(SystemIds(), places=2)
        start = threading.Barrier(8)

        def attempt(_: int) -> str:
            start.wait()
            try:
                return passwords.hash("a password")
            except Overloaded:
                return ""

        with ThreadPoolExecutor(8) as pool:
            hashes = list(pool.map(attempt, range(8)))
        assert any(hashes)
        assert not all(hashes)
        assert passwords.hash("a password")
