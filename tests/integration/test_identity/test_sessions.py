"""Identity through its front door: signing in, staying signed in, signing out, and the keys."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from bookstore.identity.v1.session_pb2 import Session
from bookstore.identity.v1.session_service_pb2 import (
    CreateSessionRequest,
    GetJwksRequest,
    RefreshSessionRequest,
    RevokeSessionRequest,
)
from bookstore.identity.v1.session_service_pb2_grpc import SessionServiceStub
from bookstore.identity.v1.user_pb2 import User
from google.rpc import error_details_pb2
from google.rpc.status_pb2 import Status
from joserfc import jwt
from joserfc.jwk import KeySet
from sqlalchemy import Table, func, select, update

from chassis.errors import STATUS_METADATA_KEY
from chassis.testing import FakeClock, Refusal, Served, refused
from services.identity.store import REFRESH_TOKENS, SESSIONS, SIGN_IN_FAILURES, USERS
from tests.integration.test_identity.harness import EMAIL, PASSWORD

Code = grpc.StatusCode


def sign_in(sessions: SessionServiceStub, password: str = PASSWORD, email: str = EMAIL) -> Session:
    return sessions.CreateSession(CreateSessionRequest(email=email, password=password))


def refresh(sessions: SessionServiceStub, token: str) -> Session:
    return sessions.RefreshSession(RefreshSessionRequest(refresh_token=token))


def rows(identity: Served, table: Table) -> int:
    statement = select(func.count()).select_from(table)
    return identity.runtime.database.read(lambda connection: connection.execute(statement).scalar_one())


def retry_seconds(refusal: Refusal) -> float:
    status, retry = Status(), error_details_pb2.RetryInfo()
    trailer = refusal.trailing[STATUS_METADATA_KEY]
    assert isinstance(trailer, bytes)
    status.ParseFromString(trailer)
    assert any(detail.Unpack(retry) for detail in status.details)
    return retry.retry_delay.ToTimedelta().total_seconds()


def disable(identity: Served, ann: User) -> None:
    statement = update(USERS).where(USERS.c.email == ann.email).values(state="DISABLED")
    identity.runtime.database.transact(lambda tx: tx.execute(statement))


class TestCreateSession:
    def test_the_token_is_good_for_the_published_keys(self, sessions: SessionServiceStub, ann: User) -> None:
        session = sign_in(sessions, email="Ann@Example.com")
        assert (session.token_type, session.expires_in, session.user) == ("Bearer", 600, ann.name)
        keys = KeySet.import_key_set(json.loads(sessions.GetJwks(GetJwksRequest()).data))
        claims = jwt.decode(session.access_token, keys, algorithms=["ES256"]).claims
        assert (claims["sub"], claims["roles"], claims["exp"] - claims["iat"]) == (ann.name, ["customer"], 600)

    def test_refresh_tokens_are_kept_as_hashes(self, sessions: SessionServiceStub, ann: User, tmp_path: Path) -> None:
        session = sign_in(sessions)
        assert len(session.refresh_token) == 43  # 256 bits in base64url
        files = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
        assert not any(session.refresh_token.encode() in content for content in files)

    def test_unknown_address_and_wrong_password_get_the_same_answer(
        self, sessions: SessionServiceStub, ann: User
    ) -> None:
        with refused(Code.UNAUTHENTICATED, "CREDENTIALS_INVALID") as wrong:
            sign_in(sessions, "wrong")
        with refused(Code.UNAUTHENTICATED, "CREDENTIALS_INVALID") as unknown:
            sign_in(sessions, "wrong", email="nobody@example.com")
        assert wrong.message == unknown.message
        assert (wrong.metadata, wrong.fields) == (unknown.metadata, unknown.fields)

    @pytest.mark.parametrize("email", [EMAIL, "nobody@example.com"])
    def test_the_sixth_attempt_of_a_minute_has_to_wait(
        self, sessions: SessionServiceStub, ann: User, clock: FakeClock, email: str
    ) -> None:
        for _ in range(5):
            with refused(Code.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
                sign_in(sessions, "wrong", email)
            clock.advance(timedelta(seconds=1))
        with refused(Code.RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS") as error:
            sign_in(sessions, PASSWORD, email)
        assert retry_seconds(error) == 55
        clock.advance(timedelta(seconds=55))
        if email == EMAIL:
            assert sign_in(sessions).user == ann.name
        else:
            with refused(Code.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
                sign_in(sessions, PASSWORD, email)

    def test_success_forgets_failures(self, identity: Served, sessions: SessionServiceStub, ann: User) -> None:
        for _ in range(3):
            for _ in range(4):
                with refused(Code.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
                    sign_in(sessions, "wrong")
            sign_in(sessions)
        assert rows(identity, SIGN_IN_FAILURES) == 0

    def test_a_disabled_account_is_told_so_only_with_the_right_password(
        self, identity: Served, sessions: SessionServiceStub, ann: User
    ) -> None:
        disable(identity, ann)
        with refused(Code.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
            sign_in(sessions, "wrong")
        with refused(Code.PERMISSION_DENIED, "ACCOUNT_DISABLED"):
            sign_in(sessions)
        assert rows(identity, SESSIONS) == 0

    def test_bad_input_names_its_field(self, sessions: SessionServiceStub) -> None:
        with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as error:
            sign_in(sessions, "", "nobody")
        assert sorted(error.fields) == ["email", "password"]


class TestRefreshSession:
    def test_each_use_makes_a_new_pair(self, sessions: SessionServiceStub, ann: User, clock: FakeClock) -> None:
        token = sign_in(sessions).refresh_token
        for _ in range(3):
            clock.advance(timedelta(days=6))
            session = refresh(sessions, token)
            assert session.refresh_token != token
            assert session.user == ann.name
            token = session.refresh_token

    def test_reuse_ends_everything_that_came_from_the_sign_in(
        self, identity: Served, sessions: SessionServiceStub, ann: User, clock: FakeClock
    ) -> None:
        stolen, other = sign_in(sessions).refresh_token, sign_in(sessions).refresh_token
        successor = refresh(sessions, stolen).refresh_token
        clock.advance(timedelta(seconds=11))
        with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_REUSED"):
            refresh(sessions, stolen)
        with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
            refresh(sessions, successor)
        assert refresh(sessions, other).user == ann.name
        assert rows(identity, SESSIONS) == 1

    def test_a_lost_answer_is_forgiven_once(self, sessions: SessionServiceStub, ann: User, clock: FakeClock) -> None:
        token = sign_in(sessions).refresh_token
        refresh(sessions, token)
        clock.advance(timedelta(seconds=9))
        repeated = refresh(sessions, token).refresh_token
        clock.advance(timedelta(minutes=5))
        assert refresh(sessions, repeated).user == ann.name

    def test_two_holders_of_one_sign_in_are_found_out(
        self, sessions: SessionServiceStub, ann: User, clock: FakeClock
    ) -> None:
        token = sign_in(sessions).refresh_token
        mine, theirs = refresh(sessions, token).refresh_token, refresh(sessions, token).refresh_token
        clock.advance(timedelta(minutes=5))
        refresh(sessions, mine)
        clock.advance(timedelta(minutes=5))
        with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_REUSED"):
            refresh(sessions, theirs)

    def test_two_tabs_at_once_both_stay_signed_in(self, sessions: SessionServiceStub, ann: User) -> None:
        token = sign_in(sessions).refresh_token
        with ThreadPoolExecutor(2) as pool:
            pairs = list(pool.map(lambda _: refresh(sessions, token), range(2)))
        assert len({pair.refresh_token for pair in pairs}) == 2

    def test_it_ends_when_idle_and_when_old(
        self, identity: Served, sessions: SessionServiceStub, ann: User, clock: FakeClock
    ) -> None:
        idle = sign_in(sessions).refresh_token
        clock.advance(timedelta(days=7))
        with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
            refresh(sessions, idle)
        token = sign_in(sessions).refresh_token
        for _ in range(4):
            clock.advance(timedelta(days=6))
            token = refresh(sessions, token).refresh_token
        clock.advance(timedelta(days=6))
        with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
            refresh(sessions, token)

    def test_new_roles_stand_in_the_next_token(self, identity: Served, sessions: SessionServiceStub, ann: User) -> None:
        token = sign_in(sessions).refresh_token
        statement = update(USERS).values(staff=True)
        identity.runtime.database.transact(lambda tx: tx.execute(statement))
        keys = KeySet.import_key_set(json.loads(sessions.GetJwks(GetJwksRequest()).data))
        fresh = jwt.decode(refresh(sessions, token).access_token, keys, algorithms=["ES256"])
        assert fresh.claims["roles"] == ["customer", "staff"]

    def test_a_disabled_account_is_refused_and_nothing_is_used_up(
        self, identity: Served, sessions: SessionServiceStub, ann: User
    ) -> None:
        token = sign_in(sessions).refresh_token
        disable(identity, ann)
        with refused(Code.PERMISSION_DENIED, "ACCOUNT_DISABLED"):
            refresh(sessions, token)
        assert rows(identity, REFRESH_TOKENS) == 1

    def test_an_unknown_token_is_invalid(self, sessions: SessionServiceStub) -> None:
        with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
            refresh(sessions, "made up")
        with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as error:
            refresh(sessions, "")
        assert error.fields == ["refresh_token"]


class TestRevokeSession:
    def test_signing_out_ends_the_sign_in(self, identity: Served, sessions: SessionServiceStub, ann: User) -> None:
        first, other = sign_in(sessions).refresh_token, sign_in(sessions).refresh_token
        current = refresh(sessions, first).refresh_token
        as_ann = identity.stub(SessionServiceStub, user=ann.name)
        for _ in range(2):
            as_ann.RevokeSession(RevokeSessionRequest(refresh_token=first))
        with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
            refresh(sessions, current)
        assert refresh(sessions, other).user == ann.name

    def test_strangers_end_nothing(self, identity: Served, sessions: SessionServiceStub, ann: User) -> None:
        token = sign_in(sessions).refresh_token
        stranger = identity.stub(SessionServiceStub, user="users/stranger", roles=("admin",))
        stranger.RevokeSession(RevokeSessionRequest(refresh_token=token))
        stranger.RevokeSession(RevokeSessionRequest(refresh_token="made up"))
        with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
            sessions.RevokeSession(RevokeSessionRequest(refresh_token=token))
        assert refresh(sessions, token).user == ann.name


def test_the_keys_are_json_without_private_parts(sessions: SessionServiceStub) -> None:
    body = sessions.GetJwks(GetJwksRequest())
    assert body.content_type == "application/json"
    (key,) = json.loads(body.data)["keys"]
    assert (key["kty"], key["crv"], key["alg"], key["use"]) == ("EC", "P-256", "ES256", "sig")
    assert "d" not in key


def test_what_time_has_ended_is_deleted(
    identity: Served, sessions: SessionServiceStub, ann: User, clock: FakeClock
) -> None:
    refresh(sessions, sign_in(sessions).refresh_token)
    clock.advance(timedelta(days=6))
    kept = sign_in(sessions).refresh_token
    with refused(Code.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
        sign_in(sessions, "wrong")
    clock.advance(timedelta(days=1, seconds=1))
    (purge,) = identity.service.workers
    purge.run()
    assert (rows(identity, SESSIONS), rows(identity, REFRESH_TOKENS), rows(identity, SIGN_IN_FAILURES)) == (1, 1, 0)
    assert refresh(sessions, kept).user == ann.name
