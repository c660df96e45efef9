"""Whose access tokens every service accepts: identity's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from bookstore.identity.v1.session_service_pb2 import GetJwksRequest
from bookstore.identity.v1.session_service_pb2_grpc import SessionServiceStub

from chassis.service import Runtime, TokenIssuer
from services.identity.tokens import AUDIENCE, ISSUER


def _fetcher(runtime: Runtime) -> Callable[[], bytes]:
    identity = SessionServiceStub(runtime.channel("identity"))
    return lambda: identity.GetJwks(GetJwksRequest()).data


ACCESS_TOKENS: Final = TokenIssuer(issuer=ISSUER, audience=AUDIENCE, fetcher=_fetcher)
