"""Finds out who calls and refuses whom the contract does not allow."""

from __future__ import annotations

from contextvars import Token
from types import TracebackType
from typing import Final, cast

from chassis.call import Call, current_call, enter_call, leave_call
from chassis.contract import OPEN, Method
from chassis.interceptors.server_call import Interceptor, ServerCall
from chassis.kernel import Caller
from chassis.tokens import TokenInvalid, TokenUser
from chassis.v1 import policy_pb2
from chassis.v1.platform_errors import RoleRequired, TokenRequired

AUTHORIZATION: Final = "authorization"
"""Metadata with the access token of the user, which services pass on as they received it."""
SERVICE_METADATA_KEY: Final = "x-bookstore-service"
"""Name of the calling process where there is no mutual TLS, in development."""

_SIGN_IN: Final = "sign in first: send a valid access token as `authorization: Bearer …`"


def _peer(call: ServerCall) -> str | None:
    if not call.endpoint.server.mutual_tls:
        return call.metadata.get(SERVICE_METADATA_KEY)
    names = cast(list[bytes], call.context.auth_context().get("x509_subject_alternative_name", []))
    return names[0].decode() if names else None


def permit(caller: Caller, method: Method) -> None:
    """Raises TokenRequired or RoleRequired unless the contract lets `caller` call `method`."""
    if method.access in OPEN:
        return
    if caller.service is not None and caller.service in method.callers:
        return
    if method.access == policy_pb2.ACCESS_INTERNAL:
        raise RoleRequired(detail="only other services may call this")
    if caller.user is None:
        raise TokenRequired(detail=_SIGN_IN)
    if method.access == policy_pb2.ACCESS_ROLE and not caller.has_any(method.roles):
        raise RoleRequired(detail=f"this requires the role {' or '.join(sorted(method.roles))}")


class Access(Interceptor):
    """Makes the caller known to the call."""

    __slots__ = ("_token",)

    _token: Token[Call | None]

    def __enter__(self) -> None:
        """Raises TokenRequired or RoleRequired."""
        call = self.call
        user = self._user()
        caller = Caller(
            user=user.name if user is not None else None,
            roles=user.roles if user is not None else frozenset(),
            service=_peer(call),
        )
        permit(caller, call.endpoint.method)
        outer = current_call()
        deadline = outer.deadline if outer is not None else None
        authorization = call.metadata[AUTHORIZATION] if user is not None else ""
        self._token = enter_call(Call(caller=caller, deadline=deadline, authorization=authorization))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Forgets the caller."""
        leave_call(self._token)

    def _user(self) -> TokenUser | None:
        scheme, _, token = self.call.metadata.get(AUTHORIZATION, "").partition(" ")
        endpoint = self.call.endpoint
        if endpoint.server.tokens is None or scheme.lower() != "bearer":
            return None
        try:
            return endpoint.server.tokens.verify(token)
        except TokenInvalid:
            if endpoint.method.lenient:
                return None
            raise TokenRequired(detail=_SIGN_IN) from None
