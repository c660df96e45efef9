"""Sessions and their refresh tokens in SQL; the tables stand in `storage`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from services.identity.domain import Session, User
from services.identity.storage import REFRESH_TOKENS, SESSIONS, USER_COLUMNS, USERS, user_of

_PURGE_BATCH: Final = 1000

_presented = (
    select(
        SESSIONS.c.id.label("session_id"),
        SESSIONS.c.user_id,
        SESSIONS.c.generation,
        SESSIONS.c.rotate_time,
        SESSIONS.c.forgiven,
        SESSIONS.c.end_time,
        REFRESH_TOKENS.c.generation.label("presented"),
        *USER_COLUMNS,
    )
    .join_from(REFRESH_TOKENS, SESSIONS)
    .join(USERS)
    .where(REFRESH_TOKENS.c.digest == bindparam("given"))
)
_add_session, _add_token = insert(SESSIONS), insert(REFRESH_TOKENS)
_update = update(SESSIONS).where(SESSIONS.c.id == bindparam("session_id"))
_end = delete(SESSIONS).where(SESSIONS.c.id == bindparam("session_id"))
_end_all = delete(SESSIONS).where(SESSIONS.c.user_id == bindparam("of"))
_of_token = select(REFRESH_TOKENS.c.session_id).where(REFRESH_TOKENS.c.digest == bindparam("given"))
_end_own = delete(SESSIONS).where(SESSIONS.c.id.in_(_of_token), SESSIONS.c.user_id == bindparam("of"))
_expired = select(SESSIONS.c.id).where(SESSIONS.c.expire_time < bindparam("before")).limit(_PURGE_BATCH)
_purge = delete(SESSIONS).where(SESSIONS.c.id.in_(_expired))


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """A refresh token that came in: its session, its owner and its generation."""

    session: Session
    user: User
    generation: int


def find_token(tx: Connection, digest: str) -> Presented | None:
    """What a refresh token, given as its digest, belongs to; None when it is unknown or its session ended."""
    row = tx.execute(_presented, {"given": digest}).one_or_none()
    if row is None:
        return None
    session = Session(
        id=row.session_id,
        user_id=row.user_id,
        generation=row.generation,
        rotate_time=row.rotate_time,
        forgiven=row.forgiven,
        end_time=row.end_time,
    )
    return Presented(session=session, user=user_of(row), generation=row.presented)


def add_session(tx: Connection, session: Session, *, digest: str) -> None:
    """Adds a sign-in with its first token."""
    tx.execute(_add_session, {"id": session.id, **_values(session)})
    _add(tx, session, digest)


def advance_session(tx: Connection, session: Session, *, digest: str) -> None:
    """Writes a session over its former self and adds a token of its generation."""
    tx.execute(_update, {"session_id": session.id, **_values(session)})
    _add(tx, session, digest)


def end_session(tx: Connection, session_id: str) -> None:
    """Ends one sign-in with all its tokens."""
    tx.execute(_end, {"session_id": session_id})


def end_session_of_token(tx: Connection, digest: str, *, user_id: str) -> None:
    """Ends the sign-in a token belongs to, if it is one of `user_id`."""
    tx.execute(_end_own, {"given": digest, "of": user_id})


def end_sessions_of(tx: Connection, user_id: str) -> None:
    """Ends every sign-in of an account."""
    tx.execute(_end_all, {"of": user_id})


def purge_sessions(tx: Connection, now: datetime) -> int:
    """Deletes sessions that expired, at most a thousand; says how many."""
    return tx.execute(_purge, {"before": now}).rowcount


def _add(tx: Connection, session: Session, digest: str) -> None:
    tx.execute(_add_token, {"digest": digest, "session_id": session.id, "generation": session.generation})


def _values(session: Session) -> dict[str, Any]:
    return {
        "user_id": session.user_id,
        "generation": session.generation,
        "rotate_time": session.rotate_time,
        "forgiven": session.forgiven,
        "end_time": session.end_time,
        "expire_time": session.expire_time,
    }
