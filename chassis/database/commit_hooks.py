"""A transaction's note that somebody waits for its commit."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

_KEY: Final = "chassis.announced"


def notify_on_commit(tx: Connection) -> None:
    """Asks that the listeners of `Database.on_commit` are told when this transaction has committed."""
    tx.info[_KEY] = True


def take_notification(tx: Connection) -> bool:
    """Whether the transaction was announced; forgets it, since the connection serves other transactions next."""
    return bool(tx.info.pop(_KEY, False))
