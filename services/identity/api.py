"""Identity's front door."""

from __future__ import annotations

import grpc
from bookstore.identity.v1 import identity_service_pb2 as contract
from bookstore.identity.v1 import session_pb2, user_pb2
from bookstore.identity.v1 import session_service_pb2 as session_contract
from bookstore.identity.v1.identity_service_pb2_grpc import IdentityServiceServicer
from bookstore.identity.v1.session_service_pb2_grpc import SessionServiceServicer
from google.api.httpbody_pb2 import HttpBody
from google.protobuf.empty_pb2 import Empty

from chassis.call import caller
from chassis.idempotency import IdempotencyStore
from chassis.paging import page_request
from services.identity.authentication import Authentication
from services.identity.convert import changes_of, nothing, profile_of, roles_of, session_message, user_message
from services.identity.edit_account import Accounts
from services.identity.keys import KeyRing
from services.identity.passwords import Passwords
from services.identity.queries import UserQueries
from services.identity.session import Sessions


class IdentityApi(IdentityServiceServicer):
    """Serves bookstore.identity.v1.IdentityService."""

    def __init__(
        self,
        *,
        accounts: Accounts,
        queries: UserQueries,
        authentication: Authentication,
        passwords: Passwords,
        answers: IdempotencyStore,
    ) -> None:
        self._accounts = accounts
        self._queries = queries
        self._authentication = authentication
        self._passwords = passwords
        self._answers = answers

    def CreateUser(self, request: contract.CreateUserRequest, context: grpc.ServicerContext) -> user_pb2.User:
        """Opens an account."""
        profile = profile_of(request.user)
        password_hash = self._passwords.hash(request.user.password)
        return self._answers.transact(
            lambda tx: user_message(self._accounts.open(tx, profile, password_hash=password_hash))
        )

    def GetUser(self, request: contract.GetUserRequest, context: grpc.ServicerContext) -> user_pb2.User:
        """One account."""
        return user_message(self._accounts.get(request.name, caller()))

    def ListUsers(
        self, request: contract.ListUsersRequest, context: grpc.ServicerContext
    ) -> contract.ListUsersResponse:
        """A page of accounts."""
        page = self._queries.page(page_request(request), filter_text=request.filter, order_by=request.order_by)
        return contract.ListUsersResponse(users=page.items, next_page_token=page.next_page_token)

    def UpdateUser(self, request: contract.UpdateUserRequest, context: grpc.ServicerContext) -> user_pb2.User:
        """Changes facts of an account."""
        user, changes, who = request.user, changes_of(request.user, request.update_mask), caller()
        return self._answers.transact(
            lambda tx: user_message(self._accounts.update(tx, user.name, changes, etag=user.etag, caller=who))
        )

    def DeleteUser(self, request: contract.DeleteUserRequest, context: grpc.ServicerContext) -> Empty:
        """Closes an account."""
        who = caller()
        return self._answers.transact(
            lambda tx: nothing(self._accounts.close(tx, request.name, etag=request.etag, caller=who))
        )

    def SetUserRoles(self, request: contract.SetUserRolesRequest, context: grpc.ServicerContext) -> user_pb2.User:
        """Replaces the roles of an account."""
        roles, who = roles_of(list(request.roles)), caller()
        return self._answers.transact(
            lambda tx: user_message(self._accounts.set_roles(tx, request.name, roles, etag=request.etag, caller=who))
        )

    def ChangePassword(self, request: contract.ChangePasswordRequest, context: grpc.ServicerContext) -> user_pb2.User:
        """Changes the caller's password."""
        user = self._authentication.change_password(
            request.name, current=request.current_password, new=request.new_password, caller=caller()
        )
        return user_message(user)


class SessionApi(SessionServiceServicer):
    """Serves bookstore.identity.v1.SessionService."""

    def __init__(self, *, sessions: Sessions, keys: KeyRing) -> None:
        self._sessions = sessions
        self._keys = keys

    def CreateSession(
        self, request: session_contract.CreateSessionRequest, context: grpc.ServicerContext
    ) -> session_pb2.Session:
        """Signs in."""
        return session_message(self._sessions.sign_in(request.email, request.password))

    def RefreshSession(
        self, request: session_contract.RefreshSessionRequest, context: grpc.ServicerContext
    ) -> session_pb2.Session:
        """Exchanges a refresh token."""
        return session_message(self._sessions.refresh(request.refresh_token))

    def RevokeSession(self, request: session_contract.RevokeSessionRequest, context: grpc.ServicerContext) -> Empty:
        """Signs out."""
        self._sessions.revoke(request.refresh_token, caller())
        return Empty()

    def GetJwks(self, request: session_contract.GetJwksRequest, context: grpc.ServicerContext) -> HttpBody:
        """The public keys."""
        return HttpBody(content_type="application/json", data=self._keys.published())
