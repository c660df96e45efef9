"""Signing in, staying signed in, signing out.

A refresh token is opaque, 256 random bits, kept as its hash and good for one exchange (RFC 9700, section 4.14). The
tokens of a sign-in are counted in generations, see `domain.Session.exchange`: since only hashes are kept, a repeat
within the grace cannot be given the same successor again, but gets a sibling of the same generation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from bookstore.identity.v1.identity_errors import RefreshTokenInvalid, RefreshTokenReused
from sqlalchemy import Connection

from chassis.database import Database
from chassis.kernel import Caller, Clock, Ids, resource_id
from services.identity import session_store, store
from services.identity.account import FAILURE_WINDOW, Session, User
from services.identity.authentication import Authentication
from services.identity.hashing import digest
from services.identity.store import Credentials
from services.identity.tokens import AccessTokens


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What somebody gets who signed in."""

    user: User
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)


class Sessions:
    """The sign-ins of all accounts."""

    def __init__(
        self,
        database: Database,
        *,
        authentication: Authentication,
        access_tokens: AccessTokens,
        clock: Clock,
        ids: Ids,
    ) -> None:
        self._database = database
        self._authentication = authentication
        self._access_tokens = access_tokens
        self._clock = clock
        self._ids = ids

    def sign_in(self, email: str, password: str) -> Grant:
        """Begins a session. Raises TooManyAttempts, CredentialsInvalid, AccountDisabled."""
        proven = self._authentication.prove(email, password)
        refresh_token = self._ids.secret()
        user = self._database.transact(lambda tx: self._begin(tx, proven, digest(refresh_token)))
        return self._grant(user, refresh_token)

    def refresh(self, refresh_token: str) -> Grant:
        """Exchanges a refresh token for new tokens. Raises RefreshTokenInvalid, RefreshTokenReused, AccountDisabled."""
        successor = self._ids.secret()
        outcome = self._database.transact(lambda tx: self._exchange(tx, digest(refresh_token), digest(successor)))
        if isinstance(outcome, RefreshTokenReused):
            raise outcome
        return self._grant(outcome, successor)

    def revoke(self, refresh_token: str, caller: Caller) -> None:
        """Ends the session a refresh token belongs to, if it is the caller's; an unknown one changes nothing."""
        if caller.user is None:
            return
        given, user_id = digest(refresh_token), resource_id("users", caller.user)
        self._database.transact(lambda tx: session_store.end_session_of_token(tx, given, user_id=user_id))

    def purge(self) -> None:
        """Deletes what time has ended: sessions and counted failures."""
        now = self._clock.now()
        self._database.transact(lambda tx: session_store.purge_sessions(tx, now))
        self._database.transact(lambda tx: store.purge_failures(tx, now - FAILURE_WINDOW))

    def _begin(self, tx: Connection, proven: Credentials, token: str) -> User:
        user = self._authentication.confirm(tx, proven)
        user.require_active()
        session_store.add_session(tx, Session.begin(self._ids.new(), user.id, self._clock.now()), digest=token)
        return user

    def _exchange(self, tx: Connection, given: str, successor: str) -> User | RefreshTokenReused:
        """The owner of the session; the error is answered and not raised, since the end of the session must stand."""
        found = session_store.find_token(tx, given)
        if found is None:
            raise RefreshTokenInvalid
        try:
            session = found.session.exchange(found.generation, self._clock.now())
        except RefreshTokenReused as error:
            session_store.end_session(tx, found.session.id)
            return error
        found.user.require_active()
        session_store.advance_session(tx, session, digest=successor)
        return found.user

    def _grant(self, user: User, refresh_token: str) -> Grant:
        return Grant(user=user, access_token=self._access_tokens.issue(user), refresh_token=refresh_token)
