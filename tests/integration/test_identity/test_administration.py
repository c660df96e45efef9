"""Identity through its front door: closing and listing accounts, roles, passwords."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import grpc
import pytest
from bookstore.identity.v1.identity_events_pb2 import UserDeleted
from bookstore.identity.v1.identity_service_pb2 import (
    ChangePasswordRequest,
    DeleteUserRequest,
    GetUserRequest,
    ListUsersRequest,
    SetUserRolesRequest,
)
from bookstore.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from bookstore.identity.v1.session_service_pb2 import CreateSessionRequest, RefreshSessionRequest
from bookstore.identity.v1.session_service_pb2_grpc import SessionServiceStub
from bookstore.identity.v1.user_pb2 import User
from sqlalchemy import insert, select, update

from chassis.testing import FakeClock, Served, refused
from services.identity.store import USERS
from tests.integration.test_identity.harness import PASSWORD, events, roles

Code = grpc.StatusCode


class TestDeleteUser:
    def test_closing_erases_the_person_and_ends_the_sessions(
        self,
        identity: Served,
        as_ann: IdentityServiceStub,
        staff: IdentityServiceStub,
        sessions: SessionServiceStub,
        ann: User,
    ) -> None:
        token = sessions.CreateSession(CreateSessionRequest(email=ann.email, password=PASSWORD)).refresh_token
        as_ann.DeleteUser(DeleteUserRequest(name="users/me"))
        as_ann.DeleteUser(DeleteUserRequest(name=ann.name, etag=ann.etag))
        with refused(Code.NOT_FOUND, "USER_NOT_FOUND"):
            as_ann.GetUser(GetUserRequest(name=ann.name))
        closed = staff.GetUser(GetUserRequest(name=ann.name))
        assert (closed.state, closed.display_name, closed.email) == (User.STATE_DELETED, "", "")
        with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
            sessions.RefreshSession(RefreshSessionRequest(refresh_token=token))
        with refused(Code.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
            sessions.CreateSession(CreateSessionRequest(email=ann.email, password=PASSWORD))
        assert events(identity)[1:] == [(UserDeleted.DESCRIPTOR.name, ann.name, 2)]
        statement = select(USERS.c.email, USERS.c.password_hash).where(USERS.c.state == "DELETED")
        row = identity.runtime.database.read(lambda connection: connection.execute(statement).one())
        assert tuple(row) == (None, None)

    def test_only_the_owner_and_administrators_close(
        self,
        anyone: IdentityServiceStub,
        stranger: IdentityServiceStub,
        staff: IdentityServiceStub,
        admin: IdentityServiceStub,
        ann: User,
    ) -> None:
        request = DeleteUserRequest(name=ann.name)
        with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
            anyone.DeleteUser(request)
        with refused(Code.NOT_FOUND, "USER_NOT_FOUND"):
            stranger.DeleteUser(request)
        with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
            staff.DeleteUser(request)
        with refused(Code.ABORTED, "ETAG_MISMATCH"):
            admin.DeleteUser(DeleteUserRequest(name=ann.name, etag='"9"'))
        admin.DeleteUser(request)

    def test_the_last_administrator_stays(self, admin: IdentityServiceStub, ann: User) -> None:
        with refused(Code.FAILED_PRECONDITION, "LAST_ADMIN"):
            admin.DeleteUser(DeleteUserRequest(name="users/root"))
        admin.SetUserRoles(SetUserRolesRequest(name=ann.name, roles=roles("ADMIN")))
        admin.DeleteUser(DeleteUserRequest(name="users/root"))


class TestSetUserRoles:
    def test_an_administrator_gives_and_takes_roles(
        self, identity: Served, admin: IdentityServiceStub, ann: User
    ) -> None:
        request = SetUserRolesRequest(name=ann.name, roles=roles("STAFF"), etag=ann.etag, request_id=str(uuid4()))
        user = admin.SetUserRoles(request)
        assert (list(user.roles), user.etag) == (roles("CUSTOMER", "STAFF"), '"2"')
        assert admin.SetUserRoles(request) == user
        with refused(Code.ABORTED, "ETAG_MISMATCH"):
            admin.SetUserRoles(SetUserRolesRequest(name=ann.name, roles=roles("ADMIN"), etag=ann.etag))
        assert list(admin.SetUserRoles(SetUserRolesRequest(name=ann.name, roles=roles("CUSTOMER"))).roles) == roles(
            "CUSTOMER"
        )
        assert [version for _, _, version in events(identity)] == [1, 2, 3]

    def test_nobody_else_does(
        self,
        anyone: IdentityServiceStub,
        as_ann: IdentityServiceStub,
        staff: IdentityServiceStub,
        admin: IdentityServiceStub,
        ann: User,
    ) -> None:
        request = SetUserRolesRequest(name=ann.name, roles=roles("ADMIN"))
        with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
            anyone.SetUserRoles(request)
        for stub in (as_ann, staff):
            with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
                stub.SetUserRoles(request)
        with refused(Code.NOT_FOUND, "USER_NOT_FOUND"):
            admin.SetUserRoles(SetUserRolesRequest(name="users/nobody", roles=roles("ADMIN")))

    def test_the_role_in_an_old_token_is_not_enough(
        self, identity: Served, admin: IdentityServiceStub, ann: User
    ) -> None:
        admin.SetUserRoles(SetUserRolesRequest(name=ann.name, roles=roles("ADMIN")))
        was_admin = identity.stub(IdentityServiceStub, user=ann.name, roles=("customer", "admin"))
        was_admin.SetUserRoles(SetUserRolesRequest(name=ann.name, roles=roles("CUSTOMER")))
        with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
            was_admin.SetUserRoles(SetUserRolesRequest(name=ann.name, roles=roles("ADMIN")))
        with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
            was_admin.DeleteUser(DeleteUserRequest(name="users/root"))

    def test_the_last_administrator_keeps_the_role(self, admin: IdentityServiceStub) -> None:
        with refused(Code.FAILED_PRECONDITION, "LAST_ADMIN") as error:
            admin.SetUserRoles(SetUserRolesRequest(name="users/root", roles=roles("STAFF")))
        assert error.metadata == {"user": "users/root"}

    @pytest.mark.parametrize("given", [[], ["STAFF", "STAFF"], ["UNSPECIFIED"]])
    def test_bad_roles_are_refused(self, admin: IdentityServiceStub, given: list[str]) -> None:
        with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as error:
            admin.SetUserRoles(SetUserRolesRequest(name="users/root", roles=roles(*given)))
        assert error.fields[0].startswith("roles")


class TestListUsers:
    @pytest.fixture
    def shop(self, identity: Served, clock: FakeClock) -> list[str]:
        """Names of five customers, oldest first, the fourth disabled and the fifth deleted."""
        rows = []
        for number, state in enumerate(("ACTIVE", "ACTIVE", "ACTIVE", "DISABLED", "DELETED")):
            clock.advance(timedelta(days=1))
            email = None if state == "DELETED" else f"c{9 - number}@example.com"
            row = {"id": f"u{number}", "version": 1, "display_name": f"C {number}", "email": email, "state": state}
            times = {"create_time": clock.now(), "update_time": clock.now()}
            rows.append({**row, **times, "staff": False, "admin": False})
        identity.runtime.database.transact(lambda tx: tx.execute(insert(USERS), rows))
        return [f"users/{row['id']}" for row in rows]

    def names(self, stub: IdentityServiceStub, **request: str) -> list[str]:
        return [user.name for user in stub.ListUsers(ListUsersRequest(**request)).users]  # type: ignore[arg-type]

    def test_staff_list_accounts_page_by_page(self, staff: IdentityServiceStub, shop: list[str]) -> None:
        seen, token = list[str](), ""
        while True:
            page = staff.ListUsers(ListUsersRequest(page_size=2, page_token=token))
            seen += [user.name for user in page.users]
            token = page.next_page_token
            if not token:
                break
        assert seen == ["users/root", *shop[:4]]

    def test_filters_and_orders(self, staff: IdentityServiceStub, shop: list[str]) -> None:
        assert self.names(staff, filter='email = "C9@example.com"') == [shop[0]]
        assert self.names(staff, filter='display_name = "C 1"') == [shop[1]]
        assert self.names(staff, filter="state = DISABLED") == [shop[3]]
        assert self.names(staff, filter="state = STATE_DELETED") == [shop[4]]
        assert self.names(staff, filter='state = ACTIVE AND create_time > "2026-01-04T00:00:00Z"') == shop[1:3]
        assert self.names(staff, order_by="email") == [*reversed(shop[:4]), "users/root"]
        assert self.names(staff, order_by="create_time desc") == [*reversed(shop[:4]), "users/root"]

    def test_bad_arguments_are_refused(self, staff: IdentityServiceStub, shop: list[str]) -> None:
        for request in (
            ListUsersRequest(filter="password = x"),
            ListUsersRequest(filter="state = GONE"),
            ListUsersRequest(filter='email < "x"'),
            ListUsersRequest(order_by="roles"),
        ):
            with refused(Code.INVALID_ARGUMENT, "FILTER_INVALID"):
                staff.ListUsers(request)
        with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID"):
            staff.ListUsers(ListUsersRequest(page_size=-1))
        token = staff.ListUsers(ListUsersRequest(page_size=1)).next_page_token
        with refused(Code.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID"):
            staff.ListUsers(ListUsersRequest(page_token=token, order_by="email"))

    def test_only_staff_may(
        self, anyone: IdentityServiceStub, stranger: IdentityServiceStub, admin: IdentityServiceStub
    ) -> None:
        with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
            anyone.ListUsers(ListUsersRequest())
        with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
            stranger.ListUsers(ListUsersRequest())
        assert self.names(admin) == ["users/root"]


class TestChangePassword:
    NEW = "another horse battery"

    def change(self, name: str = "users/me", current: str = PASSWORD) -> ChangePasswordRequest:
        return ChangePasswordRequest(name=name, current_password=current, new_password=self.NEW)

    def test_the_new_password_holds_and_all_sessions_end(
        self, as_ann: IdentityServiceStub, sessions: SessionServiceStub, ann: User
    ) -> None:
        old = sessions.CreateSession(CreateSessionRequest(email=ann.email, password=PASSWORD))
        assert as_ann.ChangePassword(self.change()) == ann
        with refused(Code.UNAUTHENTICATED, "REFRESH_TOKEN_INVALID"):
            sessions.RefreshSession(RefreshSessionRequest(refresh_token=old.refresh_token))
        with refused(Code.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
            sessions.CreateSession(CreateSessionRequest(email=ann.email, password=PASSWORD))
        assert sessions.CreateSession(CreateSessionRequest(email=ann.email, password=self.NEW)).user == ann.name

    def test_a_wrong_password_counts_as_an_attempt(self, as_ann: IdentityServiceStub) -> None:
        for _ in range(5):
            with refused(Code.UNAUTHENTICATED, "CREDENTIALS_INVALID"):
                as_ann.ChangePassword(self.change(current="wrong"))
        with refused(Code.RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS"):
            as_ann.ChangePassword(self.change())

    def test_nobody_changes_the_password_of_another(
        self,
        anyone: IdentityServiceStub,
        stranger: IdentityServiceStub,
        admin: IdentityServiceStub,
        ann: User,
    ) -> None:
        with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
            anyone.ChangePassword(self.change(ann.name))
        with refused(Code.NOT_FOUND, "USER_NOT_FOUND"):
            stranger.ChangePassword(self.change(ann.name))
        with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
            admin.ChangePassword(self.change(ann.name))
        with refused(Code.NOT_FOUND, "USER_NOT_FOUND"):
            stranger.ChangePassword(self.change())

    def test_bad_input_names_its_field(self, as_ann: IdentityServiceStub) -> None:
        with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as error:
            as_ann.ChangePassword(ChangePasswordRequest(name="users/me", current_password="x", new_password="short"))
        assert error.fields == ["new_password"]


def test_a_disabled_owner_is_told_so_by_state(identity: Served, as_ann: IdentityServiceStub, ann: User) -> None:
    statement = update(USERS).where(USERS.c.email == ann.email).values(state="DISABLED")
    identity.runtime.database.transact(lambda tx: tx.execute(statement))
    assert as_ann.GetUser(GetUserRequest(name="users/me")).state == User.STATE_DISABLED
