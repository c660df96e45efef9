"""What the catalog asks other services."""

from __future__ import annotations

from typing import Protocol

import grpc
from bookstore.catalog.v1.catalog_errors import AccountInactive
from bookstore.identity.v1.identity_errors import UserNotFound
from bookstore.identity.v1.identity_service_pb2 import GetUserRequest
from bookstore.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from bookstore.identity.v1.user_pb2 import User

from chassis.kernel import Caller


class Accounts(Protocol):
    """Knows which accounts may act."""

    def require_active(self, caller: Caller) -> None:
        """Raises AccountInactive unless the caller's account is active at this moment."""
        ...


class GrpcAccounts:
    """Asks the identity service, on behalf of the current call's user."""

    def __init__(self, channel: grpc.Channel) -> None:
        self._identity = IdentityServiceStub(channel)

    def require_active(self, caller: Caller) -> None:
        """Raises AccountInactive; DependencyUnavailable or DeadlinePassed when identity does not answer."""
        user = caller.user or "users/me"  # identity refuses a call that is made for nobody
        try:
            account = self._identity.GetUser(GetUserRequest(name=user))
        except UserNotFound as error:
            raise AccountInactive(user=user) from error
        if account.state != User.STATE_ACTIVE:
            raise AccountInactive(user=user)
