"""Finds out who calls and refuses whom the contract does not allow."""

from __future__ import annotations

import base64
import binascii
import json
from contextvars import Token
from functools import lru_cache
from types import TracebackType
from typing import Final, cast


from chassis.call import Call, current_call, enter_call, leave_call
from chassis.contract import Method
from chassis.interceptors.server_call import Interceptor, ServerCall
from chassis.kernel import Caller, ErrorKind, ServiceError
from chassis.v1 import policy_pb2

CLAIMS_METADATA_KEY: Final = "x-bookstore-claims"
"""Verified token claims: base64url of JSON, as the edge forwards them and services pass them on."""
SERVICE_METADATA_KEY: Final = "x-bookstore-service"
"""Name of the calling process where there is no mutual TLS, in development."""

_OPEN: Final = frozenset({policy_pb2.ACCESS_PUBLIC, policy_pb2.ACCESS_HOLDER})


class TokenRequired(ServiceError):
    """The call needs a signed-in user."""

    kind = ErrorKind.UNAUTHENTICATED
    reason = "TOKEN_REQUIRED"


class RoleRequired(ServiceError):
    """The caller lacks the role the contract asks for, or is not one of the services that may call."""

    kind = ErrorKind.PERMISSION_DENIED
    reason = "ROLE_REQUIRED"


@lru_cache(maxsize=4096)
def _user_of(claims: str) -> tuple[str | None, frozenset[str]]:
    try:
        payload = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))
        return str(payload["sub"]), frozenset(str(role) for role in payload.get("roles", ()))
    except (binascii.Error, ValueError, KeyError, TypeError):
        raise TokenRequired("the claims that were passed on cannot be read") from None


def _peer(call: ServerCall) -> str | None:
    if not call.endpoint.server.mutual_tls:
        return call.metadata.get(SERVICE_METADATA_KEY)
    names = cast(list[bytes], call.context.auth_context().get("x509_subject_alternative_name", []))
    return names[0].decode() if names else None


def permit(caller: Caller, method: Method) -> None:
    """Raises TokenRequired or RoleRequired unless the contract lets `caller` call `method`."""
    if method.access in _OPEN:
        return
    if caller.service is not None and caller.service in method.callers:
        return
    if method.access == policy_pb2.ACCESS_INTERNAL:
        raise RoleRequired("only services of the shop may call this", method=method.path)
    if caller.user is None:
        raise TokenRequired("sign in first: send a valid access token as `authorization: Bearer …`")
    if method.access == policy_pb2.ACCESS_ROLE and not caller.has_any(method.roles):
        raise RoleRequired(f"this needs the role {' or '.join(sorted(method.roles))}", method=method.path)


class Access(Interceptor):
    """Makes the caller known to the call."""

    __slots__ = ("_token",)

    _token: Token[Call | None]

    def __enter__(self) -> None:
        """Raises TokenRequired or RoleRequired."""
        claims = self.call.metadata.get(CLAIMS_METADATA_KEY, "")
        user, roles = _user_of(claims) if claims else (None, frozenset[str]())
        caller = Caller(user=user, roles=roles, service=_peer(self.call))
        permit(caller, self.call.endpoint.method)
        outer = current_call()
        deadline = outer.deadline if outer is not None else None
        self._token = enter_call(Call(caller=caller, deadline=deadline, claims=claims))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Forgets the caller."""
        leave_call(self._token)
