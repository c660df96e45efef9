"""Identity's statements on each engine, and what the `bookstore` command does beside the service."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from bookstore.identity.v1.identity_errors import EmailTaken, UserNotFound
from joserfc import jwt
from joserfc.jwk import KeySet

from chassis.database import Database
from chassis.kernel import Caller, Role, ServiceError, SystemIds
from chassis.migrations import SchemaOutdated, drift
from chassis.outbox import Outbox
from chassis.paging import PageRequest
from chassis.settings import ChassisSettings, Environment
from chassis.testing import FakeClock, migrated_database
from services.identity import bootstrap, store
from services.identity.account import User
from services.identity.authentication import Authentication
from services.identity.edit_account import Accounts, Profile
from services.identity.keys import KeyRing
from services.identity.passwords import Passwords
from services.identity.queries import UserQueries
from services.identity.session import Sessions
from services.identity.tokens import AccessTokens

PASSWORD = "correct horse battery"
ANN = Profile(display_name="Ann", email="ann@example.com")
EVERYTHING = frozenset(Role)


class Identity:
    """The use cases on one database."""

    def __init__(self, database: Database, folder: Path) -> None:
        clock, ids = FakeClock(), SystemIds()
        self.database = database
        self.passwords = Passwords(ids, places=8)
        self.accounts = Accounts(database, clock=clock, ids=ids, outbox=Outbox(clock, ids, source="//test"))
        self.authentication = Authentication(database, self.passwords, clock=clock)
        self.sessions = Sessions(
            database,
            authentication=self.authentication,
            access_tokens=AccessTokens(KeyRing(folder / "keys", clock), clock=clock, ids=ids),
            clock=clock,
            ids=ids,
        )

    def open(self, profile: Profile, roles: frozenset[Role] = frozenset()) -> User:
        kept = self.passwords.hash(PASSWORD)
        return self.database.transact(lambda tx: self.accounts.open(tx, profile, password_hash=kept, roles=roles))


@pytest.fixture
def identity(database_url: str, tmp_path: Path) -> Iterator[Identity]:
    assert drift("identity", store.metadata, database_url) == []
    database = Database(database_url, name="identity")
    yield Identity(database, tmp_path)
    database.close()


def test_the_life_of_an_account_and_its_sessions(identity: Identity) -> None:
    root = identity.open(Profile(display_name="Root", email="root@example.com"), EVERYTHING)
    admin = Caller(user=root.name, roles=frozenset({"admin"}))
    ann = identity.open(ANN)
    with pytest.raises(EmailTaken):
        identity.open(ANN)
    identity.database.transact(
        lambda tx: identity.accounts.set_roles(tx, ann.name, frozenset({Role.STAFF}), etag="", caller=admin)
    )
    first = identity.sessions.sign_in(ANN.email, PASSWORD)
    assert first.user.roles == {Role.CUSTOMER, Role.STAFF}
    second = identity.sessions.refresh(first.refresh_token)
    identity.sessions.revoke(second.refresh_token, Caller(user=ann.name))
    assert (
        identity.authentication.change_password(
            "users/me", current=PASSWORD, new="another password", caller=Caller(user=ann.name)
        ).id
        == ann.id
    )
    pages = UserQueries(identity.database)
    listed = pages.page(PageRequest(size=1), filter_text="", order_by="email desc")
    assert [user.name for user in listed.items] == [root.name]
    rest = pages.page(PageRequest(size=9, token=listed.next_page_token), filter_text="", order_by="email desc")
    assert [user.name for user in rest.items] == [ann.name]
    identity.sessions.sign_in(ANN.email, "another password")
    identity.database.transact(lambda tx: identity.accounts.close(tx, ann.name, etag="", caller=admin))
    identity.sessions.purge()
    with pytest.raises(ServiceError, match="wrong"):
        identity.sessions.sign_in(ANN.email, "another password")


def test_a_race_of_refreshes_gives_two_pairs_then_ends_the_session(identity: Identity) -> None:
    identity.open(ANN)
    token = identity.sessions.sign_in(ANN.email, PASSWORD).refresh_token

    def attempt(_: int) -> str:
        try:
            return identity.sessions.refresh(token).refresh_token
        except ServiceError as error:
            return error.reason

    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(attempt, range(5)))
    refusals = sorted(answer for answer in answers if answer.isupper())
    assert refusals == ["REFRESH_TOKEN_INVALID", "REFRESH_TOKEN_INVALID", "REFRESH_TOKEN_REUSED"]


def test_a_race_of_wrong_passwords_counts_each(identity: Identity) -> None:
    def attempt(_: int) -> str:
        try:
            identity.authentication.prove("nobody@example.com", "wrong")
        except ServiceError as error:
            return error.reason
        return ""

    with ThreadPoolExecutor(5) as pool:
        assert set(pool.map(attempt, range(5))) == {"CREDENTIALS_INVALID"}
    assert attempt(0) == "TOO_MANY_ATTEMPTS"


class TestDevelopment:
    @pytest.fixture
    def settings(self, tmp_path: Path) -> ChassisSettings:
        return ChassisSettings(data_dir=tmp_path, database_url=migrated_database("identity", tmp_path / "db"))

    def test_the_first_administrator_is_made_once(self, settings: ChassisSettings, tmp_path: Path) -> None:
        assert bootstrap.ensure_administrator(settings, "Admin@bookstore.example", PASSWORD)
        assert not bootstrap.ensure_administrator(settings, "admin@bookstore.example", "another password")
        token = bootstrap.mint_access_token(settings, "admin@bookstore.example")
        keys = KeySet.import_key_set(json.loads(KeyRing(tmp_path / "keys", FakeClock()).published()))
        claims = jwt.decode(token, keys, algorithms=["ES256"]).claims
        assert claims["roles"] == ["admin", "customer", "staff"]
        again = jwt.decode(bootstrap.mint_access_token(settings, claims["sub"]), keys, algorithms=["ES256"])
        assert again.claims["sub"] == claims["sub"]

    def test_no_token_for_nobody_and_none_in_production(self, settings: ChassisSettings) -> None:
        for user in ("users/nobody", "nobody@example.com"):
            with pytest.raises(UserNotFound):
                bootstrap.mint_access_token(settings, user)
        production = settings.model_copy(update={"environment": Environment.PRODUCTION})
        with pytest.raises(bootstrap.DevelopmentOnly):
            bootstrap.mint_access_token(production, "users/nobody")

    def test_a_database_without_tables_is_named(self, tmp_path: Path) -> None:
        settings = ChassisSettings(data_dir=tmp_path, database_url=f"sqlite:///{tmp_path / 'empty.sqlite3'}")
        with pytest.raises(SchemaOutdated):
            bootstrap.mint_access_token(settings, "users/1")
