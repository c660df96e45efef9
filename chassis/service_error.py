"""The typed error that domain code raises; the chassis turns it into a google.rpc.Status.

The classes are generated from the error reasons of the contracts, next to the stubs. This module imports nothing, so
that they are plain Python.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import Enum
from typing import Any, ClassVar, Self


class ErrorKind(Enum):
    """What went wrong, in the vocabulary of AIP-193; each kind is one gRPC status code."""

    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    ABORTED = "ABORTED"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    UNAVAILABLE = "UNAVAILABLE"
    INTERNAL = "INTERNAL"


class ServiceError(Exception):
    """Base of every error a client may see.

    A subclass names its `kind`, its `reason` (UPPER_SNAKE) and the `domain` that the reason belongs to. `metadata` are
    facts for programs; never secrets or personal data. `field` names the request field to correct. `retry_after` says
    when to try again, where the kind allows that at all; None leaves it to the kind.
    """

    kind: ErrorKind = ErrorKind.INTERNAL
    reason: str = "UNEXPECTED"
    domain: str = ""
    _classes: ClassVar[dict[tuple[str, str], type[ServiceError]]] = {}

    def __init__(
        self,
        message: str,
        *,
        field: str = "",
        metadata: Mapping[str, str] | None = None,
        retry_after: timedelta | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.metadata = dict(metadata or {})
        self.retry_after = retry_after

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        if "reason" in vars(cls) and "domain" in vars(cls):
            ServiceError._classes[cls.domain, cls.reason] = cls

    @classmethod
    def class_of(cls, domain: str, reason: str) -> type[ServiceError] | None:
        """The class of an error that another process returned; None when its module is not imported here."""
        return cls._classes.get((domain, reason))

    @classmethod
    def received(cls, kind: ErrorKind, message: str, metadata: Mapping[str, str]) -> Self:
        """The error as another process returned it."""
        error = cls.__new__(cls)
        ServiceError.__init__(error, message, metadata=metadata)
        error.kind = kind
        return error
