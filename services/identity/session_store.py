"""Sessions and their refresh tokens in SQL; the tables stand in `store`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from chassis.database import RowCodec, Statement
from services.identity.account import Session, User
from services.identity.store import REFRESH_TOKENS, SESSIONS, USER, USERS

_PURGE_BATCH: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Presented:
    """A refresh token that came in: its session, its owner and its generation."""

    session: Session
    user: User
    generation: int


_SESSION: Final = RowCodec(Session, SESSIONS)
_fields = len(_SESSION.columns)
_PRESENTED: Final = Statement(
    select(REFRESH_TOKENS.c.generation.label("presented"), *_SESSION.columns, *USER.columns)
    .join_from(REFRESH_TOKENS, SESSIONS)
    .join(USERS)
    .where(REFRESH_TOKENS.c.digest == bindparam("given")),
    lambda generation, *row: Presented(
        session=_SESSION(*row[:_fields]), user=USER(*row[_fields:]), generation=generation
    ),
)
_this = SESSIONS.c.id == bindparam("session_id")
_ADD_SESSION: Final = Statement(insert(SESSIONS), keys=(*_SESSION.names, "expire_time"))
_ADD_TOKEN: Final = Statement(insert(REFRESH_TOKENS), keys=("digest", "session_id", "generation"))
_UPDATE: Final = Statement(
    update(SESSIONS).where(_this), keys=(*(name for name in _SESSION.names if name != "id"), "expire_time")
)
_END: Final = Statement(delete(SESSIONS).where(_this))
_END_ALL: Final = Statement(delete(SESSIONS).where(SESSIONS.c.user_id == bindparam("of")))
_of_token = select(REFRESH_TOKENS.c.session_id).where(REFRESH_TOKENS.c.digest == bindparam("given"))
_END_OWN: Final = Statement(delete(SESSIONS).where(SESSIONS.c.id.in_(_of_token), SESSIONS.c.user_id == bindparam("of")))
_expired = select(SESSIONS.c.id).where(SESSIONS.c.expire_time < bindparam("before")).limit(_PURGE_BATCH)
_PURGE: Final = Statement(delete(SESSIONS).where(SESSIONS.c.id.in_(_expired)))


def find_token(tx: Connection, digest: str) -> Presented | None:
    """Returns what a refresh token, given as its digest, belongs to; None when it is unknown or its session ended."""
    return _PRESENTED.first(tx, given=digest)


def add_session(tx: Connection, session: Session, *, digest: str) -> None:
    """Adds a sign-in with its first token."""
    _ADD_SESSION.run(tx, **_SESSION.values(session), expire_time=session.expire_time)
    _add(tx, session, digest)


def advance_session(tx: Connection, session: Session, *, digest: str) -> None:
    """Writes a session over its former self and adds a token of its generation."""
    _UPDATE.run(tx, session_id=session.id, **_SESSION.values(session), expire_time=session.expire_time)
    _add(tx, session, digest)


def end_session(tx: Connection, session_id: str) -> None:
    """Ends one sign-in with all its tokens."""
    _END.run(tx, session_id=session_id)


def end_session_of_token(tx: Connection, digest: str, *, user_id: str) -> None:
    """Ends the sign-in a token belongs to, if it is one of `user_id`."""
    _END_OWN.run(tx, given=digest, of=user_id)


def end_sessions_of(tx: Connection, user_id: str) -> None:
    """Ends every sign-in of an account."""
    _END_ALL.run(tx, of=user_id)


def purge_sessions(tx: Connection, now: datetime) -> int:
    """Deletes expired sessions, at most a thousand; returns how many."""
    return _PURGE.run(tx, before=now)


def _add(tx: Connection, session: Session, digest: str) -> None:
    _ADD_TOKEN.run(tx, digest=digest, session_id=session.id, generation=session.generation)
