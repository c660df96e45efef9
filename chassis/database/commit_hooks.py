"""A mark on a transaction: listeners are notified when it commits."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

_KEY: Final = "chassis.announced"


def notify_on_commit(tx: Connection) -> None:
    """Requests that the listeners of `Database.on_commit` are notified when this transaction has committed."""
    tx.info[_KEY] = True


def take_notification(tx: Connection) -> bool:
    """Returns whether a notification was requested and clears the request, since the connection is used again."""
    return bool(tx.info.pop(_KEY, False))
