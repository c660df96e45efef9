"""Accounts and sign-ins: what they are and the rules for both."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from bookstore.identity.v1.identity_errors import (
    AccountDisabled,
    RefreshTokenInvalid,
    RefreshTokenReused,
    UserNotFound,
)

from chassis.kernel import Caller, Role, check_etag

ACCESS_TOKEN_LIFE: Final = timedelta(minutes=10)
IDLE_LIFE: Final = timedelta(days=7)
"""How long a refresh token waits for its use."""
SIGN_IN_LIFE: Final = timedelta(days=30)
"""How long a sign-in lasts, however often it is refreshed."""
GRACE: Final = timedelta(seconds=10)
"""How long after its first use a refresh token may be used once more."""
FAILURES_ALLOWED: Final = 5
FAILURE_WINDOW: Final = timedelta(minutes=1)
_ADDRESS_READER: Final = "notifications"
"""The service that writes to people, and so may read any account in its own name."""


class UserState(StrEnum):
    """Where an account is in its life."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"
    DELETED = "DELETED"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An account. `version` counts its changes from 1; a deleted one has neither display name nor mail address."""

    id: str
    display_name: str
    email: str
    create_time: datetime
    update_time: datetime
    roles: frozenset[Role] = frozenset({Role.CUSTOMER})
    state: UserState = UserState.ACTIVE
    version: int = 1

    @property
    def name(self) -> str:
        """Resource name, `users/{id}`."""
        return f"users/{self.id}"

    @property
    def deleted(self) -> bool:
        """Whether it was closed."""
        return self.state is UserState.DELETED

    @property
    def administers(self) -> bool:
        """Whether it is an administrator that can act."""
        return self.state is UserState.ACTIVE and Role.ADMIN in self.roles

    def require_active(self) -> None:
        """Raises AccountDisabled unless the account may act."""
        if self.state is not UserState.ACTIVE:
            raise AccountDisabled

    def revise(self, *, display_name: str, email: str, etag: str, now: datetime) -> User:
        """The account with these facts; itself when they are the same. Raises UserNotFound, EtagMismatch."""
        return self._changed(replace(self, display_name=display_name, email=email), etag=etag, now=now)

    def with_roles(self, roles: frozenset[Role], *, etag: str, now: datetime) -> User:
        """The account with these roles besides that of a customer. Raises UserNotFound, EtagMismatch."""
        return self._changed(replace(self, roles=roles | {Role.CUSTOMER}), etag=etag, now=now)

    def close(self, *, etag: str, now: datetime) -> User:
        """The account without personal data and for ever closed; itself when it is. Raises EtagMismatch."""
        if self.deleted:
            return self
        closed = replace(self, display_name="", email="", roles=frozenset({Role.CUSTOMER}), state=UserState.DELETED)
        return self._changed(closed, etag=etag, now=now)

    def _changed(self, after: User, *, etag: str, now: datetime) -> User:
        if self.deleted:
            raise UserNotFound(user=self.name)
        check_etag(etag, self.version)
        return self if after == self else replace(after, update_time=now, version=self.version + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One sign-in and all that came from it.

    Every exchange of a refresh token begins the next `generation`, at `rotate_time`. `forgiven` says that the token
    before was exchanged a second time within the grace. The sign-in is over at `end_time`.
    """

    id: str
    user_id: str
    generation: int
    rotate_time: datetime
    forgiven: bool
    end_time: datetime

    @staticmethod
    def begin(session_id: str, user_id: str, now: datetime) -> Session:
        """A sign-in made now."""
        return Session(
            id=session_id,
            user_id=user_id,
            generation=1,
            rotate_time=now,
            forgiven=False,
            end_time=now + SIGN_IN_LIFE,
        )

    @property
    def expire_time(self) -> datetime:
        """When it ends unless it is refreshed before."""
        return min(self.rotate_time + IDLE_LIFE, self.end_time)

    def exchange(self, generation: int, now: datetime) -> Session:
        """The session after a token of `generation` was exchanged; its next token is of the answered generation.

        RFC 9700, section 4.14.2, with a grace for lost answers and races: the token before may come once more within
        10 seconds and gets a second token of the same generation. Of those two one can be used; whoever comes with
        the other one later is found out, so a thief who hits the grace is too. Raises RefreshTokenInvalid when it is
        too old, RefreshTokenReused when the session has to end.
        """
        if now >= self.expire_time:
            raise RefreshTokenInvalid
        if generation == self.generation:
            return replace(self, generation=generation + 1, rotate_time=now, forgiven=False)
        if generation == self.generation - 1 and not self.forgiven and now <= self.rotate_time + GRACE:
            return replace(self, forgiven=True)
        raise RefreshTokenReused


@dataclass(frozen=True, slots=True, kw_only=True)
class Failures:
    """Wrong passwords for one mail address: how many since when. The count starts anew a minute after its first."""

    count: int
    since: datetime

    def wait(self, now: datetime) -> timedelta:
        """How long until the next attempt is allowed; zero when it is."""
        if self.count < FAILURES_ALLOWED:
            return timedelta()
        return max(timedelta(), self.since + FAILURE_WINDOW - now)

    def with_one_more(self, now: datetime) -> Failures:
        """The count after another wrong password."""
        if self.count == 0 or now >= self.since + FAILURE_WINDOW:
            return Failures(count=1, since=now)
        return replace(self, count=self.count + 1)


NO_FAILURES: Final = Failures(count=0, since=datetime(1970, 1, 1, tzinfo=UTC))


def normal_email(email: str) -> str:
    """The mail address as it is kept and compared: in lower case.

    RFC 5321 lets the receiving host tell cases apart in the part before the @; none does in practice, and two accounts
    that differ in case alone would be a trap.
    """
    return email.strip().lower()


def may_see(user: User, caller: Caller) -> bool:
    """Staff see every account; owners and the service that writes to them those that are not deleted."""
    return caller.is_staff or (not user.deleted and (caller.owns(user.name) or caller.service == _ADDRESS_READER))
