"""Who makes a call."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

OWN_NAME: Final = "users/me"
"""What stands for the name of the caller."""


class Role(StrEnum):
    """A role that a token carries; an administrator is staff as well."""

    CUSTOMER = "customer"
    STAFF = "staff"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The user a call is made for and the process that makes it.

    `user` is a resource name (`users/…`) or None; `service` is the process name of the peer's certificate or None.
    """

    user: str | None = None
    roles: frozenset[str] = frozenset()
    service: str | None = None

    @property
    def is_admin(self) -> bool:
        """Whether the caller administers the shop."""
        return Role.ADMIN in self.roles

    @property
    def is_staff(self) -> bool:
        """Whether the caller works for the shop."""
        return Role.STAFF in self.roles or self.is_admin

    def owns(self, user: str) -> bool:
        """Whether `user` (`users/…`) is the caller."""
        return self.user is not None and self.user == user

    def resolve(self, user: str) -> str:
        """The user a name stands for: `users/me` is the caller, and stays as it is without one."""
        return self.user if user == OWN_NAME and self.user is not None else user

    def has_any(self, roles: frozenset[str]) -> bool:
        """Whether the caller holds one of `roles`; an administrator holds the staff role too."""
        held = self.roles | {Role.STAFF} if self.is_admin else self.roles
        return bool(held & roles)


ANONYMOUS = Caller()
