"""Identity through its front door: opening, reading and changing accounts."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import grpc
import pytest
from bookstore.identity.v1.identity_events_pb2 import UserCreated, UserUpdated
from bookstore.identity.v1.identity_service_pb2 import (
    CreateUserRequest,
    DeleteUserRequest,
    GetUserRequest,
    UpdateUserRequest,
)
from bookstore.identity.v1.identity_service_pb2_grpc import IdentityServiceStub
from bookstore.identity.v1.user_pb2 import User
from google.protobuf.field_mask_pb2 import FieldMask
from sqlalchemy import select

from chassis.schema import OUTBOX
from chassis.testing import FakeClock, Served, refused
from tests.integration.test_identity.harness import PASSWORD, a_user, events, outcome, roles

Code = grpc.StatusCode


class TestCreateUser:
    def test_anyone_opens_an_account_as_a_customer(self, identity: Served, anyone: IdentityServiceStub) -> None:
        wanted = a_user("Ann@Example.com")
        wanted.MergeFrom(User(name="users/mine", roles=roles("ADMIN"), state=User.STATE_DISABLED))
        user, call = anyone.CreateUser.with_call(CreateUserRequest(user=wanted))
        assert user.name.startswith("users/")
        assert user.name != "users/mine"
        assert (user.display_name, user.email, user.password) == ("Ann", "ann@example.com", "")
        assert (list(user.roles), user.state, user.etag) == (roles("CUSTOMER"), User.STATE_ACTIVE, '"1"')
        metadata = dict(call.initial_metadata() or ())
        assert metadata["location"] == f"/v1/{user.name}"
        assert events(identity) == [(UserCreated.DESCRIPTOR.name, user.name, 1)]

    def test_the_password_is_kept_as_a_hash_and_events_hold_ids_only(
        self, identity: Served, anyone: IdentityServiceStub, tmp_path: Path
    ) -> None:
        anyone.CreateUser(CreateUserRequest(user=a_user(), request_id=str(uuid4())))
        statement = select(OUTBOX.c.payload, OUTBOX.c.headers)
        row = identity.runtime.database.read(lambda connection: connection.execute(statement).one())
        assert b"ann" not in row.payload.lower()
        assert "ann@" not in row.headers.lower()
        files = [file for file in tmp_path.rglob("*") if file.is_file()]
        assert any(b"ann@example.com" in file.read_bytes() for file in files)
        assert not any(PASSWORD.encode() in file.read_bytes() for file in files)

    def test_a_mail_address_has_one_account(self, anyone: IdentityServiceStub, ann: User) -> None:
        with refused(Code.ALREADY_EXISTS, "EMAIL_TAKEN") as error:
            anyone.CreateUser(CreateUserRequest(user=a_user("ANN@example.com")))
        assert error.fields == ["user.email"]
        assert error.domain == "identity.bookstore"
        assert "ann" not in error.message.lower()

    def test_a_race_for_a_mail_address_has_one_winner(self, anyone: IdentityServiceStub) -> None:
        def attempt(_: int) -> str:
            request = CreateUserRequest(user=a_user(), request_id=str(uuid4()))
            while (result := outcome(lambda: anyone.CreateUser(request))) == "DEADLINE_EXCEEDED":
                pass  # hashing four passwords may take a busy machine longer than the contract's deadline
            return result

        with ThreadPoolExecutor(4) as pool:
            outcomes = list(pool.map(attempt, range(4)))
        assert sorted(outcomes) == ["ALREADY_EXISTS"] * 3 + ["OK"]

    def test_a_repeat_gets_the_first_answer(self, identity: Served, anyone: IdentityServiceStub) -> None:
        request = CreateUserRequest(user=a_user(), request_id=str(uuid4()))
        assert anyone.CreateUser(request) == anyone.CreateUser(request)
        assert len(events(identity)) == 1

    def test_a_repeat_with_another_password_is_another_request(self, anyone: IdentityServiceStub) -> None:
        request_id = str(uuid4())
        anyone.CreateUser(CreateUserRequest(user=a_user(), request_id=request_id))
        with refused(Code.INVALID_ARGUMENT, "REQUEST_ID_REUSED") as error:
            anyone.CreateUser(CreateUserRequest(user=a_user(password="quite another one"), request_id=request_id))
        assert error.fields == ["request_id"]

    def test_the_request_id_is_not_kept(self, anyone: IdentityServiceStub, tmp_path: Path) -> None:
        request_id = str(uuid4())
        anyone.CreateUser(CreateUserRequest(user=a_user(), request_id=request_id))
        assert not any(request_id.encode() in file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())

    @pytest.mark.parametrize("user", [None, "users/1"])
    def test_a_password_needs_a_random_request_id(self, identity: Served, user: str | None) -> None:
        stub = identity.stub(IdentityServiceStub, user=user)
        with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as error:
            stub.CreateUser(CreateUserRequest(user=a_user(), request_id="6ba7b810-9dad-11d1-80b4-00c04fd430c8"))
        assert error.fields == ["request_id"]
        assert "random UUID (version 4)" in error.message

    def test_the_address_of_a_closed_account_is_free(
        self, anyone: IdentityServiceStub, as_ann: IdentityServiceStub, ann: User
    ) -> None:
        as_ann.DeleteUser(DeleteUserRequest(name="users/me"))
        assert anyone.CreateUser(CreateUserRequest(user=a_user())).name != ann.name

    @pytest.mark.parametrize(
        ("user", "field"),
        [
            (a_user(email="no address"), "user.email"),
            (a_user(email=f"{'a' * 250}@example.com"), "user.email"),
            (a_user(name=""), "user.display_name"),
            (a_user(name="  "), "user.display_name"),
            (a_user(name="x" * 101), "user.display_name"),
            (a_user(password="short"), "user.password"),
            (a_user(password="x" * 129), "user.password"),
        ],
    )
    def test_bad_input_names_its_field(self, anyone: IdentityServiceStub, user: User, field: str) -> None:
        with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as error:
            anyone.CreateUser(CreateUserRequest(user=user))
        assert error.fields == [field]


class TestGetUser:
    def test_the_owner_and_staff_see_an_account(
        self, as_ann: IdentityServiceStub, staff: IdentityServiceStub, ann: User
    ) -> None:
        assert as_ann.GetUser(GetUserRequest(name="users/me")) == ann
        assert as_ann.GetUser(GetUserRequest(name=ann.name)) == ann
        assert staff.GetUser(GetUserRequest(name=ann.name)) == ann

    def test_strangers_learn_nothing(
        self, anyone: IdentityServiceStub, stranger: IdentityServiceStub, staff: IdentityServiceStub, ann: User
    ) -> None:
        with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
            anyone.GetUser(GetUserRequest(name=ann.name))
        with refused(Code.NOT_FOUND, "USER_NOT_FOUND") as foreign:
            stranger.GetUser(GetUserRequest(name=ann.name))
        with refused(Code.NOT_FOUND, "USER_NOT_FOUND") as unknown:
            stranger.GetUser(GetUserRequest(name="users/nobody"))
        assert foreign.message.replace(ann.name, "") == unknown.message.replace("users/nobody", "")
        with refused(Code.NOT_FOUND, "USER_NOT_FOUND"):
            staff.GetUser(GetUserRequest(name="users/nobody"))

    def test_notifications_get_the_address_and_other_services_do_not(self, identity: Served, ann: User) -> None:
        notifications = identity.stub(IdentityServiceStub, service="notifications")
        assert notifications.GetUser(GetUserRequest(name=ann.name)).email == "ann@example.com"
        with refused(Code.NOT_FOUND, "USER_NOT_FOUND"):
            notifications.GetUser(GetUserRequest(name="users/me"))
        orders = identity.stub(IdentityServiceStub, service="orders")
        with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
            orders.GetUser(GetUserRequest(name=ann.name))

    def test_a_service_asks_for_its_user(self, identity: Served, ann: User) -> None:
        catalog = identity.stub(IdentityServiceStub, service="catalog", user=ann.name)
        assert catalog.GetUser(GetUserRequest(name=ann.name)).state == User.STATE_ACTIVE

    @pytest.mark.parametrize("name", ["", "books/1", "users/", "users/A B", "users/a/b"])
    def test_a_malformed_name_is_refused(self, staff: IdentityServiceStub, name: str) -> None:
        with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as error:
            staff.GetUser(GetUserRequest(name=name))
        assert error.fields == ["name"]


class TestUpdateUser:
    def test_the_owner_changes_what_the_mask_names(
        self, identity: Served, as_ann: IdentityServiceStub, ann: User, clock: FakeClock
    ) -> None:
        clock.advance(timedelta(minutes=1))
        wanted = User(name="users/me", display_name="Anna", email="new@example.com", etag=ann.etag)
        user = as_ann.UpdateUser(UpdateUserRequest(user=wanted, update_mask=FieldMask(paths=["display_name", "state"])))
        assert (user.display_name, user.email, user.etag) == ("Anna", ann.email, '"2"')
        assert user.update_time.ToDatetime() > user.create_time.ToDatetime()
        assert events(identity)[1:] == [(UserUpdated.DESCRIPTOR.name, ann.name, 2)]

    def test_without_a_mask_what_is_populated_changes(self, as_ann: IdentityServiceStub, ann: User) -> None:
        user = as_ann.UpdateUser(UpdateUserRequest(user=User(name=ann.name, email="New@Example.com")))
        assert (user.display_name, user.email) == ("Ann", "new@example.com")

    def test_nothing_changed_is_no_event(self, identity: Served, as_ann: IdentityServiceStub, ann: User) -> None:
        assert as_ann.UpdateUser(UpdateUserRequest(user=User(name=ann.name, display_name="Ann"))) == ann
        assert len(events(identity)) == 1

    def test_an_administrator_changes_any_account_and_nobody_else(
        self,
        anyone: IdentityServiceStub,
        stranger: IdentityServiceStub,
        staff: IdentityServiceStub,
        admin: IdentityServiceStub,
        ann: User,
    ) -> None:
        request = UpdateUserRequest(user=User(name=ann.name, display_name="Anna"))
        with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
            anyone.UpdateUser(request)
        with refused(Code.NOT_FOUND, "USER_NOT_FOUND"):
            stranger.UpdateUser(request)
        with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
            staff.UpdateUser(request)
        assert admin.UpdateUser(request).display_name == "Anna"

    def test_an_old_etag_is_a_conflict(self, as_ann: IdentityServiceStub, ann: User) -> None:
        as_ann.UpdateUser(UpdateUserRequest(user=User(name=ann.name, display_name="Anna", etag=ann.etag)))
        with refused(Code.ABORTED, "ETAG_MISMATCH"):
            as_ann.UpdateUser(UpdateUserRequest(user=User(name=ann.name, display_name="Anne", etag=ann.etag)))

    def test_a_taken_address_is_refused(
        self, anyone: IdentityServiceStub, as_ann: IdentityServiceStub, ann: User
    ) -> None:
        anyone.CreateUser(CreateUserRequest(user=a_user("bob@example.com", "Bob")))
        with refused(Code.ALREADY_EXISTS, "EMAIL_TAKEN") as error:
            as_ann.UpdateUser(UpdateUserRequest(user=User(name=ann.name, email="Bob@example.com")))
        assert error.fields == ["user.email"]

    @pytest.mark.parametrize(
        ("user", "paths", "field"),
        [
            (User(name="users/me", display_name="x"), ["nickname"], "update_mask"),
            (User(name="users/me", password=PASSWORD), [], "user.password"),
            (User(name="users/me", password=PASSWORD), ["password"], "user.password"),
            (User(name="users/me"), ["display_name"], "user.display_name"),
            (User(name="users/me", email="none"), [], "user.email"),
            (User(display_name="x"), [], "user.name"),
        ],
    )
    def test_bad_input_names_its_field(
        self, as_ann: IdentityServiceStub, user: User, paths: list[str], field: str
    ) -> None:
        with refused(Code.INVALID_ARGUMENT, "FIELD_INVALID") as error:
            as_ann.UpdateUser(UpdateUserRequest(user=user, update_mask=FieldMask(paths=paths)))
        assert error.fields == [field]

    def test_a_repeat_gets_the_first_answer(self, as_ann: IdentityServiceStub, ann: User) -> None:
        user = User(name=ann.name, display_name="Anna", etag=ann.etag)
        request = UpdateUserRequest(user=user, request_id=str(uuid4()))
        assert as_ann.UpdateUser(request) == as_ann.UpdateUser(request)
