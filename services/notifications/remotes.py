"""What notifications ask other services."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

import grpc
from bookstore.identity.v1.identity_errors import UserNotFound
from bookstore.identity.v1.identity_service_pb2 import GetUserRequest
from bookstore.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from bookstore.identity.v1.user_pb2 import User


@dataclass(frozen=True, slots=True, kw_only=True)
class Addressee:
    """Where a mail goes and how the person is called. Personal: neither stored nor logged."""

    email: str = field(repr=False)
    display_name: str = field(repr=False)


class Directory(Protocol):
    """Knows where users get their mail."""

    def addressee(self, user: str) -> Addressee | None:
        """Where mail for `user` (`users/…`) goes; None when there is no such account any more.

        Raises ServiceError when that cannot be found out now.
        """
        ...


class GrpcDirectory:
    """Asks the identity service, in the service's own name."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._identity = IdentityServiceStub(channel)

    def addressee(self, user: str) -> Addressee | None:
        """See Directory; raises DependencyUnavailable, DeadlinePassed and RemoteError."""
        try:
            account = self._identity.GetUser(GetUserRequest(name=user))
        except UserNotFound:
            return None
        if account.state == User.STATE_DELETED or not account.email:
            return None
        return Addressee(email=account.email, display_name=account.display_name)
