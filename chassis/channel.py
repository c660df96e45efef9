"""Channels to other services: discovery, mutual TLS, retries from the contract, deadlines, breaker, identity."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import grpc
from purgatory import SyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from chassis.call import current_call, remaining
from chassis.contract import Method, method_at
from chassis.credentials import Credentials
from chassis.errors import DeadlinePassed, DependencyUnavailable, remote_error
from chassis.interceptors.access import CLAIMS_METADATA_KEY, SERVICE_METADATA_KEY
from chassis.kernel import ErrorKind

GENERATED: Final = Path(__file__).parents[1] / "generated"
_MARGIN: Final = 0.02  # seconds kept back from the caller's deadline to answer it
_FAILURES_TO_OPEN: Final = 5
_OPEN_SECONDS: Final = 2.0
_BREAKING: Final = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE_EXCEEDED})
_DEFAULT_PORT: Final = 8080
_HEALTH: Final = "/grpc.health.v1.Health/"  # not of our contracts: has no policy, callers give a timeout


class _ClientCallDetails(grpc.ClientCallDetails):
    def __init__(self, details: grpc.ClientCallDetails, timeout: float, added: list[tuple[str, str]]) -> None:
        self.method = details.method
        self.timeout = timeout
        self.metadata = (*(details.metadata or ()), *added)
        self.credentials = details.credentials
        self.wait_for_ready = details.wait_for_ready
        self.compression = details.compression


class _Breaker:
    """Stops calling a service that keeps failing, and probes it again after a while.

    The library's breaker is not safe for concurrent use; the lock is held at entry and exit, never during the call.
    """

    def __init__(self, service: str) -> None:
        self._service = service
        factory = SyncCircuitBreakerFactory(default_threshold=_FAILURES_TO_OPEN, default_ttl=_OPEN_SECONDS)
        self._breaker = factory.get_breaker(service)
        self._lock = threading.Lock()

    def before(self) -> None:
        """Raises DependencyUnavailable while the breaker is open."""
        with self._lock:
            try:
                self._breaker.__enter__()
            except OpenedState:
                raise DependencyUnavailable(
                    f"{self._service} failed repeatedly and is not called for {_OPEN_SECONDS:g} s",
                    service=self._service,
                ) from None

    def after(self, error: Exception | None) -> None:
        """Counts the outcome."""
        with self._lock:
            self._breaker.__exit__(type(error) if error else None, error, None)


class ServiceInterceptor(grpc.UnaryUnaryClientInterceptor, grpc.UnaryStreamClientInterceptor):
    """What every call to another service carries: deadline, identity, breaker; failures arrive as ServiceError."""

    def __init__(self, service: str, caller: str) -> None:
        self._service = service
        self._caller = caller
        self._breaker = _Breaker(service)
        self._methods: dict[str, Method] = {}

    def _method(self, path: str) -> Method:
        method = self._methods.get(path)
        if method is None:
            method = self._methods[path] = method_at(path)
        return method

    def _prepared(self, details: grpc.ClientCallDetails) -> _ClientCallDetails:
        left, path = remaining(), str(details.method)
        limits = [] if left is None else [left - _MARGIN]
        if details.timeout is not None:
            limits.append(details.timeout)
        if not path.startswith(_HEALTH):
            limits.append(self._method(path).timeout)
        budget = min(limits)
        if budget <= 0:
            raise DeadlinePassed("no time is left to call another service", service=self._service)
        added = [(SERVICE_METADATA_KEY, self._caller)]
        call = current_call()
        if call is not None and call.claims:
            added.append((CLAIMS_METADATA_KEY, call.claims))
        return _ClientCallDetails(details, budget, added)

    def intercept_unary_unary(
        self,
        continuation: Callable[[grpc.ClientCallDetails, Any], Any],
        client_call_details: grpc.ClientCallDetails,
        request: Any,
    ) -> Any:
        """Calls within the deadline. Raises ServiceError."""
        prepared = self._prepared(client_call_details)
        self._breaker.before()
        outcome = continuation(prepared, request)
        error = outcome.exception()
        if error is None:
            self._breaker.after(None)
            return outcome
        if not isinstance(error, grpc.RpcError):
            self._breaker.after(None)
            raise error
        known = remote_error(error, self._service)
        self._breaker.after(known if known.kind in _BREAKING else None)
        raise known from error

    def intercept_unary_stream(
        self,
        continuation: Callable[[grpc.ClientCallDetails, Any], Any],
        client_call_details: grpc.ClientCallDetails,
        request: Any,
    ) -> Any:
        """Opens a stream within the deadline."""
        return continuation(self._prepared(client_call_details), request)


def known_services() -> list[str]:
    """Names of all processes that can be called, from the contracts."""
    return sorted(path.stem for path in (GENERATED / "service_config").glob("*.json"))


def target_of(service: str, addresses: list[str] | None) -> str:
    """The gRPC target of a process: its known addresses, or its name to be resolved by DNS."""
    if not addresses:
        return f"dns:///{service}:{_DEFAULT_PORT}"
    return "ipv4:" + ",".join(addresses)


def open_channel(
    service: str,
    *,
    caller: str,
    addresses: list[str] | None,
    credentials: Credentials | None,
    traced: bool = False,
) -> grpc.Channel:
    """A channel from the process `caller` to the process `service`; keep it for the life of the process.

    With `traced` every call is a span and carries its context. Without `credentials` the channel is not encrypted.
    """
    service_config = (GENERATED / "service_config" / f"{service}.json").read_text()
    options = [
        ("grpc.service_config", service_config),
        ("grpc.enable_retries", 1),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 1_000),
    ]
    target = target_of(service, addresses)
    if credentials is None:
        channel = grpc.insecure_channel(target, options)
    else:
        channel = grpc.secure_channel(
            target, credentials.channel(), [*options, ("grpc.ssl_target_name_override", service)]
        )
    if traced:
        from opentelemetry.instrumentation.grpc import client_interceptor, grpcext  # slow to import

        channel = grpcext.intercept_channel(channel, client_interceptor())  # type: ignore[no-untyped-call]
    return grpc.intercept_channel(channel, ServiceInterceptor(service, caller))
