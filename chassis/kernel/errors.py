"""The typed error that domain code raises; the chassis turns it into a google.rpc.Status."""

from __future__ import annotations

from datetime import timedelta
from enum import Enum


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
    """Base of every error a caller may see.

    A subclass names its `kind` and its `reason` (UPPER_SNAKE, listed in the contract of its context). `metadata` are
    facts for programs, as strings; never secrets or personal data. `field` names the request field to mend.
    `retry_after` says when to come back, where the kind lets callers come back at all; None leaves it to the kind.
    """

    kind: ErrorKind = ErrorKind.INTERNAL
    reason: str = "UNEXPECTED"
    retry_after: timedelta | None = None

    def __init__(self, message: str, *, field: str = "", **metadata: str) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.metadata = metadata
