"""For tests: a service behind its real gRPC server in this process, a clock that stands still, refusals by reason."""

from __future__ import annotations

import atexit
import json
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status
from joserfc import jwt
from joserfc.jwk import ECKey

from chassis.broker import Broker
from chassis.interceptors import ServerContext
from chassis.interceptors.access import AUTHORIZATION, SERVICE_METADATA_KEY
from chassis.kernel import Clock, Ids, ServiceError, SystemIds
from chassis.migrations import migrate
from chassis.server import Server
from chassis.service import Build, Runtime, Service
from chassis.settings import ChassisSettings, TraceExport
from chassis.testing_broker import FakeBroker
from chassis.tokens import TokenVerifier

StubT = TypeVar("StubT")
_START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_END_OF_CENTURY: Final = 4102444800


class FakeClock:
    """A clock that moves only when told to."""

    def __init__(self, now: datetime = _START) -> None:
        self._start = self._now = now
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """The moment it was set to."""
        with self._lock:
            return self._now

    def monotonic(self) -> float:
        """Returns the seconds it was advanced by in all."""
        return (self.now() - self._start).total_seconds()

    def advance(self, span: timedelta) -> None:
        """Moves on by `span`."""
        with self._lock:
            self._now += span


class Served:
    """A running service."""

    def __init__(self, service: Service, runtime: Runtime, address: str) -> None:
        self.service = service
        self.runtime = runtime
        self.address = address
        self._channels: list[grpc.Channel] = []

    def stub(
        self,
        stub: Callable[[grpc.Channel], StubT],
        *,
        user: str | None = None,
        roles: Sequence[str] = ("customer",),
        service: str = "edge",
    ) -> StubT:
        """A client that calls as `user` with `roles`, through the process `service`; without a user, anonymously."""
        metadata = [(SERVICE_METADATA_KEY, service)]
        if user is not None:
            metadata.append((AUTHORIZATION, TEST_TOKENS.authorization(user, roles)))
        channel = grpc.insecure_channel(self.address)
        self._channels.append(channel)
        return stub(grpc.intercept_channel(channel, _Metadata(metadata)))

    def close(self) -> None:
        """Closes the clients."""
        for channel in self._channels:
            channel.close()


class _Metadata(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    def __init__(self, metadata: list[tuple[str, str]]) -> None:
        self._metadata = metadata

    def _with(self, details: grpc.ClientCallDetails) -> Any:
        return _Details(details, self._metadata)

    def intercept_unary_unary(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Adds the metadata."""
        return continuation(self._with(client_call_details), request)

    def intercept_unary_stream(self, continuation: Any, client_call_details: Any, request: Any) -> Any:
        """Adds the metadata."""
        return continuation(self._with(client_call_details), request)


class _Details(grpc.ClientCallDetails):
    def __init__(self, details: grpc.ClientCallDetails, added: list[tuple[str, str]]) -> None:
        self.method = details.method
        self.timeout = details.timeout
        self.metadata = (*(details.metadata or ()), *added)
        self.credentials = details.credentials
        self.wait_for_ready = details.wait_for_ready
        self.compression = details.compression


class TestTokens:
    """Issues access tokens with a key of its own, and verifies them."""

    __test__ = False  # not a class of tests
    issuer: Final = "https://issuer.test"
    audience: Final = "test"

    def __init__(self) -> None:
        self._key = ECKey.generate_key("P-256")
        self._kid = self._key.thumbprint()

    def authorization(self, user: str, roles: Sequence[str] = ("customer",), **claims: object) -> str:
        """Returns the header value of a token that does not expire in this century; `claims` replace its claims."""
        given = {"iss": self.issuer, "aud": self.audience, "sub": user, "roles": list(roles), "exp": _END_OF_CENTURY}
        return f"Bearer {jwt.encode({'alg': 'ES256', 'kid': self._kid}, given | claims, self._key)}"

    def published(self) -> bytes:
        """Returns the key as a JSON Web Key Set."""
        return json.dumps({"keys": [{**self._key.as_dict(private=False), "kid": self._kid}]}).encode()

    def verifier(self, clock: Clock) -> TokenVerifier:
        """Returns a verifier of these tokens."""
        return TokenVerifier(self.published, issuer=self.issuer, audience=self.audience, clock=clock)


TEST_TOKENS: Final = TestTokens()
"""The tokens that services started by `running` accept."""


@cache
def _templates() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="bookstore-migrated-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _migrated(service: str) -> Path:
    path = _templates() / f"{service}.sqlite3"
    migrate(service, f"sqlite:///{path}")
    return path


def migrated_database(service: str, folder: Path) -> str:
    """The URL of a fresh, migrated SQLite database of `service` in `folder`; migrations run once per process."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{service}.sqlite3"
    if not path.exists():
        shutil.copyfile(_migrated(service), path)
    return f"sqlite:///{path}"


@contextmanager
def running(
    name: str,
    build: Build,
    *,
    folder: Path,
    targets: Mapping[str, str] | None = None,
    clock: Clock | None = None,
    ids: Ids | None = None,
    broker: Broker | None = None,
    migrations: bool = True,
) -> Iterator[Served]:
    """Serves one service on a free port of loopback, with its own database in `folder`.

    `targets` are the addresses of other services (`{"identity": served.address}`). The calling process is taken from
    metadata, since there are no certificates; workers, relay and consumers are not started. Raises AssertionError at
    the end when an RPC returned an error that its contract does not list.
    """
    settings = ChassisSettings(
        data_dir=folder,
        listen="127.0.0.1:0",
        traces=TraceExport.OFF,
        database_url=migrated_database(name, folder / "db") if migrations else "",
        targets={service: [address] for service, address in (targets or {}).items()},
        drain_seconds=1,
    )
    runtime = Runtime(
        name,
        chassis=settings,
        clock=clock or FakeClock(),
        ids=ids or SystemIds(),
        connect=lambda: broker or FakeBroker(),
        credentials=None,
    )
    service = build(runtime)
    answers = runtime.answers if runtime.has_database else None
    undeclared: list[str] = []
    context = ServerContext(
        ids=runtime.ids,
        answers=answers,
        mutual_tls=False,
        tokens=TEST_TOKENS.verifier(runtime.clock),
        undeclared=lambda method, error: undeclared.append(f"{method.path} returned {error.domain} {error.reason}"),
    )
    server = Server(service, settings=settings, context=context, credentials=None)
    served = Served(service, runtime, f"127.0.0.1:{server.port}")
    server.start()
    server.ready(True)
    try:
        yield served
    finally:
        served.close()
        server.stop()
        runtime.close()
    if undeclared:
        raise AssertionError(f"not in the contract: {'; '.join(sorted(set(undeclared)))}")


class Refusal:
    """What a refused call answered."""

    def __init__(self) -> None:
        self.reason = ""
        self.domain = ""
        self.message = ""
        self.metadata: dict[str, str] = {}
        self.fields: list[str] = []
        self.trailing: dict[str, str | bytes] = {}


@contextmanager
def refused(code: grpc.StatusCode, reason: str) -> Iterator[Refusal]:
    """Asserts that the call inside fails with `code` and ErrorInfo `reason`; fills what it gives for a closer look."""
    refusal = Refusal()
    try:
        yield refusal
    except grpc.RpcError as error:
        call = cast(grpc.Call, error)  # what grpcio raises is both, which its stubs do not say
        _fill(refusal, call)
        if (call.code(), refusal.reason) != (code, reason):
            raise AssertionError(f"{call.code().name} {refusal.reason}: {call.details()}") from error
    except ServiceError as error:
        refusal.reason, refusal.message, refusal.metadata = error.reason, error.message, dict(error.metadata)
        if (error.kind.name, error.reason) != (code.name, reason):
            raise AssertionError(f"{error.kind.name} {error.reason}: {error.message}") from error
    else:
        raise AssertionError(f"the call was not refused; expected {code.name} {reason}")


def _fill(refusal: Refusal, call: grpc.Call) -> None:
    refusal.trailing = dict(call.trailing_metadata() or ())
    status = rpc_status.from_call(call)
    if status is None:
        return
    refusal.message = status.message
    for detail in status.details:
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info):
            refusal.reason, refusal.domain, refusal.metadata = info.reason, info.domain, dict(info.metadata)
        elif detail.Unpack(bad):
            refusal.fields = [violation.field for violation in bad.field_violations]
