"""The errors of platform.bookstore. Written by `make protos` from chassis/v1/platform_errors.proto; do not edit."""

from __future__ import annotations

from datetime import timedelta

from chassis.service_error import ErrorKind, ServiceError


class FieldInvalid(ServiceError):
    """A field breaks a rule of the contract; BadRequest names each field."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "FIELD_INVALID"
    domain = "platform.bookstore"

    def __init__(self, *, detail: str) -> None:
        super().__init__(detail)


class TokenRequired(ServiceError):
    """The call needs a valid access token."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "TOKEN_REQUIRED"
    domain = "platform.bookstore"

    def __init__(self, *, detail: str) -> None:
        super().__init__(detail)


class RoleRequired(ServiceError):
    """The caller lacks the role or is not one of the services that may call."""

    kind = ErrorKind.PERMISSION_DENIED
    reason = "ROLE_REQUIRED"
    domain = "platform.bookstore"

    def __init__(self, *, detail: str, field: str = "") -> None:
        super().__init__(detail, field=field)


class RequestIdReused(ServiceError):
    """The request_id was used for another request of this caller."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "REQUEST_ID_REUSED"
    domain = "platform.bookstore"

    def __init__(self) -> None:
        super().__init__("the request_id was used for another request; choose a new one", field="request_id")


class Unexpected(ServiceError):
    """Something unexpected happened; `incident` is the id to find it in the log."""

    kind = ErrorKind.INTERNAL
    reason = "UNEXPECTED"
    domain = "platform.bookstore"

    def __init__(self, *, incident: str | int) -> None:
        super().__init__(f"something went wrong; incident {incident}", metadata={"incident": str(incident)})


class DeadlinePassed(ServiceError):
    """The deadline passed before the work was done."""

    kind = ErrorKind.DEADLINE_EXCEEDED
    reason = "DEADLINE_PASSED"
    domain = "platform.bookstore"

    def __init__(self, *, detail: str) -> None:
        super().__init__(detail)


class DependencyUnavailable(ServiceError):
    """A service that is needed does not respond; `service` names it. Safe to repeat."""

    kind = ErrorKind.UNAVAILABLE
    reason = "DEPENDENCY_UNAVAILABLE"
    domain = "platform.bookstore"

    def __init__(self, *, service: str | int, detail: str) -> None:
        super().__init__(f"{service} is unavailable: {detail}", metadata={"service": str(service)})


class PageTokenInvalid(ServiceError):
    """The page token is unknown or belongs to another request."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "PAGE_TOKEN_INVALID"
    domain = "platform.bookstore"

    def __init__(self, *, detail: str) -> None:
        super().__init__(detail, field="page_token")


class FilterInvalid(ServiceError):
    """The filter or order_by cannot be parsed; `field` names what is wrong in it."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "FILTER_INVALID"
    domain = "platform.bookstore"

    def __init__(self, *, field: str | int, detail: str, parameter: str = "") -> None:
        super().__init__(detail, field=parameter, metadata={"field": str(field)})


class EtagMismatch(ServiceError):
    """The resource has changed since it was read; `current` is its etag now. Read it again."""

    kind = ErrorKind.ABORTED
    reason = "ETAG_MISMATCH"
    domain = "platform.bookstore"

    def __init__(self, *, current: str | int) -> None:
        super().__init__(
            "the resource has changed since it was read; read it again",
            metadata={"current": str(current)},
        )


class Overloaded(ServiceError):
    """The server is at its limit, or the caller at theirs; `limit` is the number, where it is known. Try again later."""

    kind = ErrorKind.RESOURCE_EXHAUSTED
    reason = "OVERLOADED"
    domain = "platform.bookstore"

    def __init__(self, *, limit: str | int, detail: str, retry_after: timedelta | None = None) -> None:
        super().__init__(detail, metadata={"limit": str(limit)}, retry_after=retry_after)


class StorageUnavailable(ServiceError):
    """The database cannot be read or written at present. Safe to repeat with the same request_id."""

    kind = ErrorKind.UNAVAILABLE
    reason = "STORAGE_UNAVAILABLE"
    domain = "platform.bookstore"

    def __init__(self) -> None:
        super().__init__("the database cannot be read or written at present; repeat the call")


class MixedCurrencies(ServiceError):
    """Amounts of different currencies were combined."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "MIXED_CURRENCIES"
    domain = "platform.bookstore"

    def __init__(self, *, expected: str | int, given: str | int) -> None:
        super().__init__(
            f"amounts in {expected} and {given} cannot be combined",
            metadata={"expected": str(expected), "given": str(given)},
        )


class CurrencyUnknown(ServiceError):
    """The currency is not accepted, or the amount is finer than its smallest unit."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "CURRENCY_UNKNOWN"
    domain = "platform.bookstore"

    def __init__(self, *, detail: str, field: str = "") -> None:
        super().__init__(detail, field=field)


class RequestMalformed(ServiceError):
    """The request is not a message of its type, or holds text that is not UTF-8."""

    kind = ErrorKind.INVALID_ARGUMENT
    reason = "REQUEST_MALFORMED"
    domain = "platform.bookstore"

    def __init__(self, *, type: str | int) -> None:
        super().__init__(f"the request is not a {type}, or holds text that is not UTF-8", metadata={"type": str(type)})
