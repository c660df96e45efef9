"""The errors of notifications.bookstore. Written by `make protos` from bookstore/notifications/v1/notifications_errors.proto; do not edit."""

from __future__ import annotations

from chassis.service_error import ErrorKind, ServiceError


class UserNotFound(ServiceError):
    """There is no such user, or the caller may not see their notifications."""

    kind = ErrorKind.NOT_FOUND
    reason = "USER_NOT_FOUND"
    domain = "notifications.bookstore"

    def __init__(self, *, user: str | int) -> None:
        super().__init__(f"there is no {user}", metadata={"user": str(user)})
