"""The errors of identity.bookstore. Written by `make protos` from bookstore/identity/v1/identity_errors.proto; do not edit."""

from __future__ import annotations

from datetime import timedelta

from chassis.service_error import ErrorKind, ServiceError


class UserNotFound(ServiceError):
    """There is no such account, or the caller may not see it."""

    kind = ErrorKind.NOT_FOUND
    reason = "USER_NOT_FOUND"
    domain = "identity.bookstore"

    def __init__(self, *, user: str | int) -> None:
        super().__init__(f"there is no account {user}", metadata={"user": str(user)})


class EmailTaken(ServiceError):
    """Another account has this email address."""

    kind = ErrorKind.ALREADY_EXISTS
    reason = "EMAIL_TAKEN"
    domain = "identity.bookstore"

    def __init__(self) -> None:
        super().__init__("an account with this email address already exists", field="user.email")


class CredentialsInvalid(ServiceError):
    """The email address or the password is wrong; which of them is not disclosed."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "CREDENTIALS_INVALID"
    domain = "identity.bookstore"

    def __init__(self) -> None:
        super().__init__("the email address or the password is wrong")


class AccountDisabled(ServiceError):
    """The account is disabled."""

    kind = ErrorKind.PERMISSION_DENIED
    reason = "ACCOUNT_DISABLED"
    domain = "identity.bookstore"

    def __init__(self) -> None:
        super().__init__("the account is disabled; contact the shop")


class RefreshTokenInvalid(ServiceError):
    """The refresh token is unknown, revoked or expired; sign in again."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "REFRESH_TOKEN_INVALID"
    domain = "identity.bookstore"

    def __init__(self) -> None:
        super().__init__("the refresh token is unknown, revoked or expired; sign in again")


class RefreshTokenReused(ServiceError):
    """The refresh token was used before; all sessions of that sign-in are revoked."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "REFRESH_TOKEN_REUSED"
    domain = "identity.bookstore"

    def __init__(self) -> None:
        super().__init__("the refresh token was used before and its sessions are revoked; sign in again")


class TooManyAttempts(ServiceError):
    """Too many wrong passwords; RetryInfo says when to try again."""

    kind = ErrorKind.RESOURCE_EXHAUSTED
    reason = "TOO_MANY_ATTEMPTS"
    domain = "identity.bookstore"

    def __init__(self, *, retry_after: timedelta | None = None) -> None:
        super().__init__("too many wrong passwords; wait before the next attempt", retry_after=retry_after)


class LastAdmin(ServiceError):
    """The last administrator cannot be deleted or lose the role."""

    kind = ErrorKind.FAILED_PRECONDITION
    reason = "LAST_ADMIN"
    domain = "identity.bookstore"

    def __init__(self, *, user: str | int) -> None:
        super().__init__(f"{user} is the last administrator; appoint another one first", metadata={"user": str(user)})
