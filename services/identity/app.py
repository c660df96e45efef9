"""Puts identity together."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from bookstore.identity.v1.identity_service_pb2_grpc import add_IdentityServiceServicer_to_server
from bookstore.identity.v1.session_service_pb2_grpc import add_SessionServiceServicer_to_server

from chassis.service import Runtime, Service, Servicer
from chassis.worker import Worker
from services.identity.api import IdentityApi, SessionApi
from services.identity.authentication import Authentication
from services.identity.edit_account import Accounts
from services.identity.keys import KeyRing
from services.identity.passwords import Passwords
from services.identity.queries import UserQueries
from services.identity.session import Sessions
from services.identity.tokens import AccessTokens

KEYS_FOLDER: Final = "keys"
"""Where private keys lie, inside the data folder."""
_PURGE_EVERY: Final = timedelta(minutes=10)


def build(runtime: Runtime) -> Service:
    """The identity service."""
    database, clock, ids = runtime.database, runtime.clock, runtime.ids
    threads = runtime.chassis.threads
    passwords = Passwords(ids, places=threads - max(1, threads // 4))
    authentication = Authentication(database, passwords, clock=clock)
    keys = KeyRing(runtime.chassis.data_dir / KEYS_FOLDER, clock)
    sessions = Sessions(
        database,
        authentication=authentication,
        access_tokens=AccessTokens(keys, clock=clock, ids=ids),
        clock=clock,
        ids=ids,
    )
    identity_api = IdentityApi(
        accounts=Accounts(database, clock=clock, ids=ids, outbox=runtime.outbox),
        queries=UserQueries(database),
        authentication=authentication,
        passwords=passwords,
        answers=runtime.answers,
    )
    return Service(
        name="identity",
        servicers=(
            Servicer(add_IdentityServiceServicer_to_server, identity_api),
            Servicer(add_SessionServiceServicer_to_server, SessionApi(sessions=sessions, keys=keys)),
        ),
        token_keys=keys.published,
        workers=(Worker("purge-sessions", _PURGE_EVERY, sessions.purge),),
    )
