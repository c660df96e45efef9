"""What identity tells the others: ids, versions and moments, never who somebody is."""

from __future__ import annotations

from bookstore.identity.v1.identity_events_pb2 import UserCreated, UserDeleted, UserUpdated

from chassis.wire import timestamp
from services.identity.account import User


def user_created(user: User) -> UserCreated:
    """An account was opened."""
    return UserCreated(user=user.name, version=user.version, event_time=timestamp(user.update_time))


def user_updated(user: User) -> UserUpdated:
    """Fields or roles of an account changed."""
    return UserUpdated(user=user.name, version=user.version, event_time=timestamp(user.update_time))


def user_deleted(user: User) -> UserDeleted:
    """An account was closed."""
    return UserDeleted(user=user.name, version=user.version, event_time=timestamp(user.update_time))
