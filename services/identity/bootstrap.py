"""For the `bookstore` command, which works on the data folder beside the running service: tokens, the first account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bookstore.identity.v1.identity_errors import UserNotFound
from sqlalchemy import Connection

from chassis.database import Database
from chassis.kernel import Role, SystemClock, SystemIds
from chassis.migrations import check
from chassis.outbox import Outbox
from chassis.settings import ChassisSettings, Environment
from services.identity import store
from services.identity.account import User, normal_email
from services.identity.app import KEYS_FOLDER
from services.identity.edit_account import Accounts, Profile
from services.identity.keys import KeyRing
from services.identity.passwords import Passwords
from services.identity.tokens import AccessTokens

_SERVICE: Final = "identity"


class DevelopmentOnly(RuntimeError):
    """Asked for in production, where nobody gets a token without signing in."""


def mint_access_token(settings: ChassisSettings, user: str) -> str:
    """An access token, good for ten minutes, of an active account: `users/…` or a email address.

    Raises DevelopmentOnly in production, UserNotFound, AccountDisabled, SchemaOutdated.
    """
    if settings.environment is Environment.PRODUCTION:
        raise DevelopmentOnly("tokens without a password are made in development only; sign in instead")
    clock = SystemClock()
    with _database(settings) as database:
        found = database.read(lambda connection: _find(connection, user))
    if found is None or found.deleted:
        raise UserNotFound(user=user)
    found.require_active()
    keys = KeyRing(settings.data_dir / KEYS_FOLDER, clock)
    return AccessTokens(keys, clock=clock, ids=SystemIds()).issue(found)


def ensure_administrator(settings: ChassisSettings, email: str, password: str) -> bool:
    """Opens an account that is administrator, staff and customer, unless one with the address exists; says whether.

    Raises SchemaOutdated.
    """
    clock, ids = SystemClock(), SystemIds()
    with _database(settings) as database:
        if database.read(lambda connection: store.find_credentials(connection, normal_email(email))) is not None:
            return False
        password_hash = Passwords(ids, places=1).hash(password)
        accounts = Accounts(database, clock=clock, ids=ids, outbox=Outbox(clock, ids, source=f"//bookstore/{_SERVICE}"))
        profile = Profile(display_name="Administrator", email=email)
        database.transact(lambda tx: accounts.open(tx, profile, password_hash=password_hash, roles=frozenset(Role)))
    return True


def _find(connection: Connection, user: str) -> User | None:
    if user.startswith("users/"):
        return store.find_user(connection, user.removeprefix("users/"))
    credentials = store.find_credentials(connection, normal_email(user))
    return credentials.user if credentials else None


@contextmanager
def _database(settings: ChassisSettings) -> Iterator[Database]:
    database = Database(settings.database_url_for(_SERVICE), name=_SERVICE, pool_size=1)
    try:
        check(database, _SERVICE)
        yield database
    finally:
        database.close()
