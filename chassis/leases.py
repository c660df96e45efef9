"""Leases: work that one process at a time may do, with a fencing number that a paused holder cannot outlive."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, bindparam, exists, or_, select, update

from chassis.database import Database, Statement, insert_if_absent
from chassis.kernel import Clock
from chassis.schema import LEASES

_DURATION: Final = timedelta(seconds=10)
_RENEW_BEFORE: Final = timedelta(seconds=5)


def held_by(name: ColumnElement[str], fence: ColumnElement[int]) -> ColumnElement[bool]:
    """A condition for the statement that does the work: the lease still carries this fencing number."""
    return exists(select(LEASES.c.name).where(LEASES.c.name == name, LEASES.c.fence == fence))


_ours = and_(LEASES.c.name == bindparam("lease"), LEASES.c.fence == bindparam("held"))
_EXTEND: Final = Statement(update(LEASES).where(_ours).values(expires=bindparam("until")))
_TAKE: Final = Statement(
    update(LEASES)
    .where(
        LEASES.c.name == bindparam("lease"),
        or_(LEASES.c.expires <= bindparam("now"), LEASES.c.holder == bindparam("new_holder")),
    )
    .values(holder=bindparam("new_holder"), fence=LEASES.c.fence + 1, expires=bindparam("until"))
    .returning(LEASES.c.fence),
    int,
)


class Lease:
    """One lease of one process, for ten seconds at a time; not for use by several threads."""

    def __init__(self, database: Database, *, clock: Clock, name: str, holder: str) -> None:
        self.name = name
        self.holder = holder
        self._database = database
        self._clock = clock
        self._fence: int | None = None
        self._expires: datetime | None = None

    def take(self) -> int | None:
        """Takes or renews the lease. Returns its fencing number, or None while another process holds it."""
        now = self._clock.now()
        if self._fence is not None and self._expires is not None and now < self._expires - _RENEW_BEFORE:
            return self._fence
        self._fence = self._database.transact(lambda tx: self._renewed(tx, now) or self._taken(tx, now))
        self._expires = now + _DURATION
        return self._fence

    def forget(self) -> None:
        """Records that another process holds the lease now."""
        self._fence = None

    def release(self) -> None:
        """Lets others take it at once."""
        fence, self._fence = self._fence, None
        if fence is not None:
            now = self._clock.now()
            self._database.transact(lambda tx: _EXTEND.run(tx, lease=self.name, held=fence, until=now))

    def _renewed(self, tx: Connection, now: datetime) -> int | None:
        if self._fence is None:
            return None
        renewed = _EXTEND.run(tx, lease=self.name, held=self._fence, until=now + _DURATION)
        return self._fence if renewed else None

    def _taken(self, tx: Connection, now: datetime) -> int | None:
        first = {"name": self.name, "holder": self.holder, "fence": 1, "expires": now + _DURATION}
        if insert_if_absent(tx, LEASES, first):
            return 1
        return _TAKE.first(tx, lease=self.name, new_holder=self.holder, now=now, until=now + _DURATION)
