"""Accounts in SQL, and the tables of sessions. All texts compare by code point on every engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

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
    insert,
    select,
    true,
    update,
)

from chassis.database import ByCodePoint, Columns, Instant, RowCodec, Statement, insert_if_absent
from chassis.kernel import Role
from chassis.schema import chassis_tables
from services.identity.account import NO_FAILURES, Failures, User, UserState

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An account and the hash of its password."""

    user: User
    password_hash: str = field(repr=False)


def roles_of(staff: bool, admin: bool) -> frozenset[Role]:
    """Returns the roles in the columns of an account."""
    held = {Role.CUSTOMER: True, Role.STAFF: staff, Role.ADMIN: admin}
    return frozenset(role for role, has in held.items() if has)


USER: Final = RowCodec(
    User,
    USERS,
    email=Columns("email", read=lambda email: email or "", write=lambda email: email or None),
    roles=Columns("staff", "admin", read=roles_of, write=lambda roles: (Role.STAFF in roles, Role.ADMIN in roles)),
    state=Columns("state", read=UserState),
)
"""Makes an account of a row."""
_this = USERS.c.id == bindparam("user_id")
_BY_ID: Final = Statement(select(*USER.columns).where(_this), USER)
_CREDENTIALS: Final = Statement(
    select(USERS.c.password_hash, *USER.columns).where(USERS.c.email == bindparam("address")),
    lambda password_hash, *user: Credentials(user=USER(*user), password_hash=password_hash),
)
_OTHER_ADMINISTRATOR: Final = Statement(
    select(USERS.c.id)
    .where(_administrators, USERS.c.state == UserState.ACTIVE, USERS.c.id != bindparam("user_id"))
    .limit(1),
    str,
)
_mutable = tuple(name for name in USER.names if name != "id")
_UPDATE: Final = Statement(update(USERS).where(_this), keys=_mutable)
_CLOSE: Final = Statement(update(USERS).where(_this).values(password_hash=None), keys=_mutable)
_SET_PASSWORD: Final = Statement(update(USERS).where(_this), keys=("password_hash",))
_of_address = SIGN_IN_FAILURES.c.address == bindparam("of")
_FAILURES: Final = Statement(
    select(SIGN_IN_FAILURES.c.failures, SIGN_IN_FAILURES.c.since).where(_of_address),
    lambda failures, since: Failures(count=failures, since=since),
)
_ADD_FAILURES: Final = Statement(insert(SIGN_IN_FAILURES), keys=("address", "failures", "since"))
_FORGET_FAILURES: Final = Statement(delete(SIGN_IN_FAILURES).where(_of_address))
_PURGE_FAILURES: Final = Statement(delete(SIGN_IN_FAILURES).where(SIGN_IN_FAILURES.c.since < bindparam("before")))


def find_user(connection: Connection, user_id: str) -> User | None:
    """Returns the account with the id, deleted or not."""
    return _BY_ID.first(connection, user_id=user_id)


def find_credentials(connection: Connection, email: str) -> Credentials | None:
    """Returns the account with the (normal) email address."""
    return _CREDENTIALS.first(connection, address=email)


def has_other_administrator(connection: Connection, user_id: str) -> bool:
    """Returns whether another account than `user_id` is an active administrator's."""
    return _OTHER_ADMINISTRATOR.first(connection, user_id=user_id) is not None


def add_user(tx: Connection, user: User, *, password_hash: str) -> bool:
    """Adds an account unless its email address is taken; returns whether it did."""
    return insert_if_absent(tx, USERS, {**USER.values(user), "password_hash": password_hash})


def replace_user(tx: Connection, user: User) -> None:
    """Writes an account over its former self; a deleted one loses its password."""
    statement = _CLOSE if user.deleted else _UPDATE
    statement.run(tx, user_id=user.id, **USER.values(user))


def set_password(tx: Connection, user_id: str, password_hash: str) -> None:
    """Replaces the hash of an account's password."""
    _SET_PASSWORD.run(tx, user_id=user_id, password_hash=password_hash)


def find_failures(connection: Connection, address: str) -> Failures:
    """Returns the wrong passwords counted for an email address, given as its digest."""
    return _FAILURES.first(connection, of=address) or NO_FAILURES


def write_failures(tx: Connection, address: str, failures: Failures) -> None:
    """Replaces the count of an email address."""
    forget_failures(tx, address)
    _ADD_FAILURES.run(tx, address=address, failures=failures.count, since=failures.since)


def forget_failures(tx: Connection, address: str) -> None:
    """Sets the count of an email address to zero."""
    _FORGET_FAILURES.run(tx, of=address)


def purge_failures(tx: Connection, before: datetime) -> int:
    """Deletes counts begun before a time; returns how many."""
    return _PURGE_FAILURES.run(tx, before=before)
