"""Opening, reading, changing and closing accounts.

Changes run in the transaction they are given, and their event leaves in the same one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bookstore.identity.v1.identity_errors import EmailTaken, LastAdmin, UserNotFound
from google.protobuf.message import Message
from sqlalchemy import Connection

from chassis.database import Database
from chassis.kernel import Caller, Clock, Ids, Role, resource_id
from chassis.outbox import Outbox
from chassis.v1.platform_errors import RoleRequired
from services.identity import events, session_store, store
from services.identity.account import User, may_see, normal_email

_COLLECTION = "users"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a person says of themselves."""

    display_name: str
    email: str


class Accounts:
    """The accounts of the shop."""

    def __init__(self, database: Database, *, clock: Clock, ids: Ids, outbox: Outbox) -> None:
        self._database = database
        self._clock = clock
        self._ids = ids
        self._outbox = outbox

    def get(self, name: str, caller: Caller) -> User:
        """An account that the caller may see. Raises UserNotFound."""
        user_id = resource_id(_COLLECTION, caller.resolve(name))
        user = self._database.read(lambda connection: store.find_user(connection, user_id))
        if user is None or not may_see(user, caller):
            raise UserNotFound(user=name)
        return user

    def open(
        self, tx: Connection, profile: Profile, *, password_hash: str, roles: frozenset[Role] = frozenset()
    ) -> User:
        """Opens an account, of a customer and with `roles` besides. Raises EmailTaken."""
        now = self._clock.now()
        user = User(
            id=self._ids.new(),
            display_name=profile.display_name,
            email=normal_email(profile.email),
            roles=roles | {Role.CUSTOMER},
            create_time=now,
            update_time=now,
        )
        if not store.add_user(tx, user, password_hash=password_hash):
            raise EmailTaken
        self._publish(tx, user, events.user_created)
        return user

    def update(self, tx: Connection, name: str, changes: Mapping[str, str], *, etag: str, caller: Caller) -> User:
        """Changes facts of an account; `changes` are fields of Profile. Nothing changed: nothing is published.

        Raises UserNotFound, RoleRequired, EtagMismatch and EmailTaken.
        """
        before = self._changeable(tx, name, caller)
        email = normal_email(changes.get("email", before.email))
        display_name = changes.get("display_name", before.display_name)
        after = before.revise(display_name=display_name, email=email, etag=etag, now=self._clock.now())
        if after.email != before.email and store.find_credentials(tx, after.email) is not None:
            raise EmailTaken
        return self._write(tx, before, after, events.user_updated)

    def set_roles(self, tx: Connection, name: str, roles: frozenset[Role], *, etag: str, caller: Caller) -> User:
        """Replaces the roles of an account. Raises UserNotFound, RoleRequired, EtagMismatch and LastAdmin."""
        self._require_administrator(tx, caller)
        before = self._found(tx, caller.resolve(name))
        after = before.with_roles(roles, etag=etag, now=self._clock.now())
        self._keep_an_administrator(tx, before, after)
        return self._write(tx, before, after, events.user_updated)

    def close(self, tx: Connection, name: str, *, etag: str, caller: Caller) -> User:
        """Closes an account: ends its sessions and erases its personal data. A closed one stays as it is.

        Raises UserNotFound, RoleRequired, EtagMismatch and LastAdmin.
        """
        before = self._changeable(tx, name, caller)
        after = before.close(etag=etag, now=self._clock.now())
        self._keep_an_administrator(tx, before, after)
        session_store.end_sessions_of(tx, before.id)
        return self._write(tx, before, after, events.user_deleted)

    def _found(self, tx: Connection, name: str) -> User:
        user = store.find_user(tx, resource_id(_COLLECTION, name))
        if user is None:
            raise UserNotFound(user=name)
        return user

    def _changeable(self, tx: Connection, name: str, caller: Caller) -> User:
        """An account that the caller may change: their own, or any for an administrator."""
        name = caller.resolve(name)
        if not caller.owns(name):
            if not caller.is_staff:
                raise UserNotFound(user=name)
            self._require_administrator(tx, caller)
        return self._found(tx, name)

    def _require_administrator(self, tx: Connection, caller: Caller) -> None:
        """Asks the table and not the token alone, which stays good for ten minutes after the role was taken away."""
        acting = store.find_user(tx, resource_id(_COLLECTION, caller.user)) if caller.user else None
        if not caller.is_admin or acting is None or not acting.administers:
            raise RoleRequired(detail="only an administrator may change the account of somebody else")

    def _keep_an_administrator(self, tx: Connection, before: User, after: User) -> None:
        if before.administers and not after.administers and not store.has_other_administrator(tx, before.id):
            raise LastAdmin(user=before.name)

    def _write(self, tx: Connection, before: User, after: User, event: Callable[[User], Message]) -> User:
        if after is not before:
            store.replace_user(tx, after)
            self._publish(tx, after, event)
        return after

    def _publish(self, tx: Connection, user: User, event: Callable[[User], Message]) -> None:
        self._outbox.append(tx, event(user), aggregate=user.name, version=user.version)
