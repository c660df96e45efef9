"""Accounts in SQL, and the tables of sessions. All texts compare by code point on every engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    bindparam,
    delete,
    exists,
    insert,
    select,
    true,
    update,
)

from chassis.database import AnyRow, ByCodePoint, Instant, insert_if_absent
from chassis.kernel import Role
from chassis.schema import chassis_tables
from services.identity.domain import NO_FAILURES, Failures, User, UserState

metadata = MetaData()
chassis_tables(metadata)

USERS: Final = Table(
    "users",
    metadata,
    Column("id", ByCodePoint, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("display_name", Text, nullable=False),
    Column("email", ByCodePoint),  # as `normal_email` makes it; NULL once the account is closed
    Column("password_hash", Text),  # Argon2id in PHC form; NULL once the account is closed
    Column("staff", Boolean, nullable=False),
    Column("admin", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("create_time", Instant, nullable=False),
    Column("update_time", Instant, nullable=False),
    PrimaryKeyConstraint("id", name="users_pk"),
    UniqueConstraint("email", name="users_email"),
    Index("users_create_time", "create_time", "id"),
)
_administrators = USERS.c.admin.is_(true())
Index("users_admin", USERS.c.id, sqlite_where=_administrators, postgresql_where=_administrators)

SESSIONS: Final = Table(
    "sessions",
    metadata,
    Column("id", Text, nullable=False),
    Column("user_id", ByCodePoint, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("rotate_time", Instant, nullable=False),
    Column("forgiven", Boolean, nullable=False),
    Column("end_time", Instant, nullable=False),
    Column("expire_time", Instant, nullable=False),
    PrimaryKeyConstraint("id", name="sessions_pk"),
    ForeignKeyConstraint(["user_id"], ["users.id"], name="sessions_user"),
    Index("sessions_user_id", "user_id"),
    Index("sessions_expire_time", "expire_time"),
)
"""Sign-ins that last; an ended one has no row."""

REFRESH_TOKENS: Final = Table(
    "refresh_tokens",
    metadata,
    Column("digest", Text, nullable=False),  # SHA-256 of the token, in hex
    Column("session_id", Text, nullable=False),
    Column("generation", BigInteger, nullable=False),
    PrimaryKeyConstraint("digest", name="refresh_tokens_pk"),
    ForeignKeyConstraint(["session_id"], ["sessions.id"], name="refresh_tokens_session", ondelete="CASCADE"),
    Index("refresh_tokens_session_id", "session_id"),
)
"""Every token of a session, used ones too: only so is the reuse of an old one seen."""

SIGN_IN_FAILURES: Final = Table(
    "sign_in_failures",
    metadata,
    Column("address", Text, nullable=False),  # SHA-256 of the mail address, in hex
    Column("failures", Integer, nullable=False),
    Column("since", Instant, nullable=False),
    PrimaryKeyConstraint("address", name="sign_in_failures_pk"),
    Index("sign_in_failures_since", "since"),
)
"""Wrong passwords of the last minute, for addresses with and without an account."""

USER_COLUMNS: Final = tuple(column for column in USERS.c if column.name != "password_hash")
"""What makes a User."""

_by_id = select(*USER_COLUMNS).where(USERS.c.id == bindparam("user_id"))
_credentials = select(*USER_COLUMNS, USERS.c.password_hash).where(USERS.c.email == bindparam("address"))
_other_administrator = select(
    exists().where(_administrators, USERS.c.state == UserState.ACTIVE, USERS.c.id != bindparam("user_id"))
)
_update = update(USERS).where(USERS.c.id == bindparam("user_id"))
_set_password = _update.values(password_hash=bindparam("new_hash"))
_failures = select(SIGN_IN_FAILURES.c.failures, SIGN_IN_FAILURES.c.since).where(
    SIGN_IN_FAILURES.c.address == bindparam("of")
)
_add_failures = insert(SIGN_IN_FAILURES)
_forget_failures = delete(SIGN_IN_FAILURES).where(SIGN_IN_FAILURES.c.address == bindparam("of"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An account and the hash of its password."""

    user: User
    password_hash: str = field(repr=False)


def find_user(connection: Connection, user_id: str) -> User | None:
    """The account with the id, deleted or not."""
    row = connection.execute(_by_id, {"user_id": user_id}).one_or_none()
    return None if row is None else user_of(row)


def find_credentials(connection: Connection, email: str) -> Credentials | None:
    """The account with the (normal) mail address."""
    row = connection.execute(_credentials, {"address": email}).one_or_none()
    return None if row is None else Credentials(user=user_of(row), password_hash=row.password_hash)


def has_other_administrator(connection: Connection, user_id: str) -> bool:
    """Whether somebody else than `user_id` is an active administrator."""
    found: bool = connection.execute(_other_administrator, {"user_id": user_id}).scalar_one()
    return found


def add_user(tx: Connection, user: User, *, password_hash: str) -> bool:
    """Adds an account unless its mail address is taken; says whether it did."""
    return insert_if_absent(tx, USERS, {**_values(user), "password_hash": password_hash})


def replace_user(tx: Connection, user: User) -> None:
    """Writes an account over its former self; a deleted one loses its password."""
    values = _values(user)
    if user.deleted:
        values["password_hash"] = None
    tx.execute(_update, {"user_id": user.id, **values})


def set_password(tx: Connection, user_id: str, password_hash: str) -> None:
    """Replaces the hash of an account's password."""
    tx.execute(_set_password, {"user_id": user_id, "new_hash": password_hash})


def find_failures(connection: Connection, address: str) -> Failures:
    """The wrong passwords counted for a mail address, given as its digest."""
    row = connection.execute(_failures, {"of": address}).one_or_none()
    return NO_FAILURES if row is None else Failures(count=row.failures, since=row.since)


def write_failures(tx: Connection, address: str, failures: Failures) -> None:
    """Replaces the count of a mail address."""
    forget_failures(tx, address)
    tx.execute(_add_failures, {"address": address, "failures": failures.count, "since": failures.since})


def forget_failures(tx: Connection, address: str) -> None:
    """Sets the count of a mail address to zero."""
    tx.execute(_forget_failures, {"of": address})


def purge_failures(tx: Connection, before: datetime) -> int:
    """Deletes counts begun before a moment; says how many."""
    return tx.execute(delete(SIGN_IN_FAILURES).where(SIGN_IN_FAILURES.c.since < before)).rowcount


def user_of(row: AnyRow) -> User:
    """The account in a row of USER_COLUMNS."""
    roles = {Role.CUSTOMER: True, Role.STAFF: row.staff, Role.ADMIN: row.admin}
    return User(
        id=row.id,
        display_name=row.display_name,
        email=row.email or "",
        roles=frozenset(role for role, held in roles.items() if held),
        state=UserState(row.state),
        create_time=row.create_time,
        update_time=row.update_time,
        version=row.version,
    )


def _values(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "version": user.version,
        "display_name": user.display_name,
        "email": user.email or None,
        "staff": Role.STAFF in user.roles,
        "admin": Role.ADMIN in user.roles,
        "state": user.state,
        "create_time": user.create_time,
        "update_time": user.update_time,
    }
