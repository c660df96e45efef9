"""Channels to other services: discovery, mutual TLS, retries from the contract, deadlines, breaker, identity, trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import grpc
from opentelemetry import trace

from chassis.breaker import Breaker
from chassis.call import current_call, remaining
from chassis.contract import GENERATED, method_at
from chassis.credentials import Credentials
from chassis.errors import remote_error
from chassis.interceptors.access import AUTHORIZATION, SERVICE_METADATA_KEY
from chassis.kernel import ErrorKind, ServiceError
from chassis.tracing import TRACEPARENT, current_traceparent, instrumented
from chassis.v1.platform_errors import DeadlinePassed, DependencyUnavailable

_MARGIN: Final = 0.02  # seconds kept back from the caller's deadline to return an error in time
_FAILURES: Final = frozenset({ErrorKind.UNAVAILABLE, ErrorKind.DEADLINE_EXCEEDED})
_DEFAULT_PORT: Final = 8080
_OF_GRPC: Final = "/grpc."  # gRPC's own services, such as health, are not in our contracts: callers give a timeout

Metadata = tuple[tuple[str, str], ...]


class ServiceChannel(grpc.Channel):
    """A channel from the process `caller` to the process `service`.

    Every call carries a deadline (the sooner of the contract's, the given one and what is left of the current call),
    the name of the caller, the access token of the user it is made for and the trace context. Unary calls pass a
    breaker, and their failures are raised as ServiceError; those of streams arrive as grpc.RpcError.
    """

    def __init__(self, channel: grpc.Channel, *, service: str, caller: str, traced: bool = False) -> None:
        """With `traced`, calls inside a recorded span get a span of their own."""
        self._plain: Any = channel
        self._traced: Any = instrumented(channel) if traced else channel
        self._service = service
        self._identity: Metadata = ((SERVICE_METADATA_KEY, caller),)
        self._breaker = Breaker(
            is_failure=lambda error: isinstance(error, ServiceError) and error.kind in _FAILURES,
            rejection=lambda: DependencyUnavailable(service=service, detail="it failed repeatedly; try again later"),
        )

    def unary_unary(self, method: str, *serializers: Any, **options: Any) -> Any:
        """Returns the function that calls `method`; its `with_call` returns the grpc.Call as well."""
        plain = self._plain.unary_unary(method, *serializers, **options)
        traced = self._traced.unary_unary(method, *serializers, **options)
        call = self._guarded(self._prepared(method, plain, traced))
        call.with_call = self._guarded(self._prepared(method, plain.with_call, traced.with_call))
        return call

    def unary_stream(self, method: str, *serializers: Any, **options: Any) -> Any:
        """Returns the function that calls `method`."""
        return self._stream("unary_stream", method, serializers, options)

    def stream_unary(self, method: str, *serializers: Any, **options: Any) -> Any:
        """Returns the function that calls `method`."""
        return self._stream("stream_unary", method, serializers, options)

    def stream_stream(self, method: str, *serializers: Any, **options: Any) -> Any:
        """Returns the function that calls `method`."""
        return self._stream("stream_stream", method, serializers, options)

    def _stream(self, shape: str, method: str, serializers: Any, options: Any) -> Any:
        plain, traced = (getattr(c, shape)(method, *serializers, **options) for c in (self._plain, self._traced))
        return self._prepared(method, plain, traced)

    def _prepared(self, method: str, plain: Callable[..., Any], traced: Callable[..., Any]) -> Any:
        longest = None if method.startswith(_OF_GRPC) else method_at(method).timeout

        def call(request: Any, timeout: float | None = None, metadata: Any = None, **options: Any) -> Any:
            recorded = trace.get_current_span().is_recording()
            added = self._identity
            current = current_call()
            if current is not None and current.authorization:
                added += ((AUTHORIZATION, current.authorization),)
            if not recorded and (traceparent := current_traceparent()):  # else the instrumentation adds it
                added += ((TRACEPARENT, traceparent),)
            return (traced if recorded else plain)(
                request,
                timeout=self._budget(longest, timeout),
                metadata=(*metadata, *added) if metadata else added,
                **options,
            )

        return call

    def _budget(self, longest: float | None, timeout: float | None) -> float:
        left = remaining()
        limits = (longest, timeout, None if left is None else left - _MARGIN)
        budget = min(seconds for seconds in limits if seconds is not None)
        if budget <= 0:
            raise DeadlinePassed(detail=f"no time is left to call {self._service}")
        return budget

    def _guarded(self, call: Callable[..., Any]) -> Any:
        def attempt(request: Any, options: Any) -> Any:
            try:
                return call(request, **options)
            except grpc.RpcError as error:
                raise remote_error(error, self._service) from error

        return lambda request, **options: self._breaker.call(lambda: attempt(request, options))

    def subscribe(self, callback: Any, try_to_connect: bool | None = False) -> None:
        """See grpc.Channel."""
        self._plain.subscribe(callback, try_to_connect)

    def unsubscribe(self, callback: Any) -> None:
        """See grpc.Channel."""
        self._plain.unsubscribe(callback)

    def close(self) -> None:
        """Closes the channel and ends its calls."""
        self._plain.close()

    def __enter__(self) -> ServiceChannel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


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

    With `traced`, calls inside a recorded span get a span of their own. Without `credentials` the channel is not
    encrypted.
    """
    service_config = (GENERATED / "service_config" / f"{service}.json").read_text()
    options = [
        ("grpc.service_config", service_config),
        ("grpc.enable_retries", 1),
        ("grpc.keepalive_time_ms", 30_000),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 2_000),  # in spite of its name: how long connecting, TLS included, may take
        ("grpc.max_reconnect_backoff_ms", 1_000),
    ]
    target = target_of(service, addresses)
    if credentials is None:
        channel = grpc.insecure_channel(target, options)
    else:
        channel = grpc.secure_channel(
            target, credentials.channel(), [*options, ("grpc.ssl_target_name_override", service)]
        )
    return ServiceChannel(channel, service=service, caller=caller, traced=traced)
