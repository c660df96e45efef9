"""Between the messages of the contract and the domain."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from bookstore.identity.v1 import session_pb2, user_pb2
from google.protobuf.empty_pb2 import Empty
from google.protobuf.field_mask_pb2 import FieldMask

from chassis.database import Columns, RowCodec
from chassis.errors import FieldInvalid
from chassis.kernel import Role, etag
from chassis.requests import changed_fields
from chassis.v1 import policy_pb2
from services.identity.account import ACCESS_TOKEN_LIFE, User, UserState
from services.identity.edit_account import Profile
from services.identity.session import Grant
from services.identity.store import USER as STORED_USER
from services.identity.store import USERS
from services.identity.store import roles_of as held_roles

_STATES: Final[Mapping[str, Any]] = {state: user_pb2.User.State.Value(f"STATE_{state}") for state in UserState}
_ROLES: Final = {role: policy_pb2.Role.Value(f"ROLE_{role.name}") for role in Role}
_ROLE_OF: Final = {value: role for role, value in _ROLES.items()}
_TOKEN_TYPE: Final = "Bearer"  # noqa: S105  # RFC 6750


def _role_values(staff: bool, admin: bool) -> list[int]:
    return sorted(_ROLES[role] for role in held_roles(staff, admin))


USER: Final = RowCodec(
    user_pb2.User,
    USERS,
    without=("password",),
    name=Columns("id", read="users/{}".format),
    email=Columns("email", read=lambda email: email or ""),
    roles=Columns("staff", "admin", read=_role_values),
    state=Columns("state", read=_STATES.__getitem__),
    etag=Columns("version", read=etag),
)
"""Makes the contract's account of a row."""


def user_message(user: User) -> user_pb2.User:
    """Returns the account as the contract has it."""
    return USER.of(STORED_USER.values(user))


def nothing(_: User) -> Empty:
    """What is answered of an account that was closed."""
    return Empty()


def session_message(grant: Grant) -> session_pb2.Session:
    """The tokens as the contract has them."""
    return session_pb2.Session(
        access_token=grant.access_token,
        refresh_token=grant.refresh_token,
        token_type=_TOKEN_TYPE,
        expires_in=int(ACCESS_TOKEN_LIFE.total_seconds()),
        user=grant.user.name,
    )


def profile_of(message: user_pb2.User) -> Profile:
    """What a person says of themselves; output-only fields are ignored. Raises FieldInvalid."""
    return Profile(**{field: read(message) for field, read in _FIELDS.items()})


def changes_of(message: user_pb2.User, mask: FieldMask) -> Mapping[str, str]:
    """The fields of Profile to change and their values: those of the mask, or all populated ones when it is empty.

    Raises FieldInvalid for an account without name, a path that is no field of an account, and for the password.
    """
    if not message.name:
        raise FieldInvalid([("user.name", "is required")])
    paths = changed_fields(message, mask)
    if "password" in paths:
        raise FieldInvalid([("user.password", "is changed by ChangePassword alone")])
    return {path: _FIELDS[path](message) for path in paths if path in _FIELDS}


def roles_of(values: list[policy_pb2.Role.ValueType]) -> frozenset[Role]:
    """The roles of the domain."""
    return frozenset(_ROLE_OF[value] for value in values)


def _display_name(message: user_pb2.User) -> str:
    name = message.display_name.strip()
    if not name:
        raise FieldInvalid([("user.display_name", "must not be blank")])
    return name


# The fields of Profile, which bear the names of the contract's.
_FIELDS: Final[Mapping[str, Callable[[user_pb2.User], str]]] = {
    "display_name": _display_name,
    "email": lambda message: message.email,
}
