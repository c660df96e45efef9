"""Proving who one is by a password, and changing it."""

from __future__ import annotations

from datetime import timedelta

from bookstore.identity.v1.identity_errors import CredentialsInvalid, TooManyAttempts, UserNotFound
from sqlalchemy import Connection

from chassis.database import Database
from chassis.kernel import Caller, Clock, resource_id
from chassis.v1.platform_errors import RoleRequired
from services.identity import session_store, store
from services.identity.account import Failures, User, normal_email
from services.identity.hashing import digest
from services.identity.passwords import Passwords
from services.identity.store import Credentials


class Authentication:
    """Compares passwords and counts the wrong ones.

    The count is kept per mail address, whether it has an account or not. Attempts under way do not count yet, so a
    burst can try a few more than five: as many as have a place in Passwords.
    """

    def __init__(self, database: Database, passwords: Passwords, *, clock: Clock) -> None:
        self._database = database
        self._passwords = passwords
        self._clock = clock

    def prove(self, email: str, password: str) -> Credentials:
        """The account of the mail address, when the password is right. Raises TooManyAttempts, CredentialsInvalid."""
        email = normal_email(email)
        failures, credentials = self._database.read(lambda connection: self._known(connection, email))
        wait = failures.wait(self._clock.now())
        if wait > timedelta():
            raise TooManyAttempts(retry_after=wait)
        matches = self._passwords.match(credentials.password_hash if credentials else None, password)
        if credentials is None or not matches:
            self._database.transact(lambda tx: self._count_failure(tx, email))
            raise CredentialsInvalid
        return credentials

    def confirm(self, tx: Connection, proven: Credentials) -> User:
        """The account as it is now, its failures forgotten.

        Raises CredentialsInvalid when address or password changed since they were compared.
        """
        current = store.find_credentials(tx, proven.user.email)
        if current is None or current.password_hash != proven.password_hash:
            raise CredentialsInvalid
        store.forget_failures(tx, digest(proven.user.email))
        return current.user

    def change_password(self, name: str, *, current: str, new: str, caller: Caller) -> User:
        """Replaces the caller's own password and ends all their sessions.

        Raises UserNotFound, RoleRequired, TooManyAttempts, CredentialsInvalid.
        """
        name = caller.resolve(name)
        if not caller.owns(name):
            raise (
                RoleRequired(detail="only the owner may change a password")
                if caller.is_staff
                else UserNotFound(user=name)
            )
        user_id = resource_id("users", name)
        user = self._database.read(lambda connection: store.find_user(connection, user_id))
        if user is None or user.deleted:
            raise UserNotFound(user=name)
        proven = self.prove(user.email, current)
        new_hash = self._passwords.hash(new)
        return self._database.transact(lambda tx: self._replace(tx, proven, new_hash))

    def _replace(self, tx: Connection, proven: Credentials, new_hash: str) -> User:
        user = self.confirm(tx, proven)
        store.set_password(tx, user.id, new_hash)
        session_store.end_sessions_of(tx, user.id)
        return user

    @staticmethod
    def _known(connection: Connection, email: str) -> tuple[Failures, Credentials | None]:
        return store.find_failures(connection, digest(email)), store.find_credentials(connection, email)

    def _count_failure(self, tx: Connection, email: str) -> None:
        address = digest(email)
        failures = store.find_failures(tx, address).with_one_more(self._clock.now())
        store.write_failures(tx, address, failures)
