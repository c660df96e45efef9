"""Serves one service: bounded threads, composed handlers, health, graceful stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeAlias

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc

from chassis.contract import Method, methods_of
from chassis.credentials import Credentials
from chassis.health import Dependency, HealthServicer
from chassis.interceptors import Handler, ServerContext, compose
from chassis.interceptors.server_call import lenient
from chassis.service import Service
from chassis.settings import AddressTaken, ChassisSettings
from chassis.tracing import trace_sampled_calls
from chassis.v1.platform_errors import Overloaded
from chassis.watches import is_non_blocking

_log = structlog.get_logger("server")
_MEGABYTE: Final = 1024 * 1024
_CONNECTION_AGE_MS: Final = 300_000
_LAST_BYTES_SECONDS: Final = 30.0
_QUEUE_PER_THREAD: Final = 8  # calls that may wait for a thread before new ones are refused


Registered: TypeAlias = "dict[str, dict[str, grpc.RpcMethodHandler[Any, Any]]]"  # generic in its stubs only
"""Handlers by the full name of their gRPC service and the name of their method."""


class _Registrations:
    """Stands in for the server while generated code registers a servicer, to learn its handlers."""

    def __init__(self) -> None:
        self.handlers: Registered = {}

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        """Not needed: the same handlers arrive by name below."""

    def add_registered_method_handlers(
        self, service: str, handlers: dict[str, grpc.RpcMethodHandler[Any, Any]]
    ) -> None:
        """Keeps the handlers of a service."""
        self.handlers[service] = handlers


def handlers_of(service: Service) -> Registered:
    """The handlers a service registers."""
    registrations = _Registrations()
    for servicer in service.servicers:
        servicer.register(servicer.implementation, registrations)
    return registrations.handlers


def connection_age(methods: Iterable[Method]) -> list[tuple[str, int]]:
    """Channel options that end old connections, so that clients find new processes, and no call with them: the grace
    lasts as long as the longest call may.
    """
    longest = max((method.timeout for method in methods), default=0.0)
    grace = int((longest + _LAST_BYTES_SECONDS) * 1000)
    return [("grpc.max_connection_age_ms", _CONNECTION_AGE_MS), ("grpc.max_connection_age_grace_ms", grace)]


def _cap(limit: int) -> Callable[[Handler], Handler]:
    """Streams hold a thread as long as they last: at most `limit` at once, so that unary calls keep theirs."""
    slots = threading.BoundedSemaphore(limit)

    def capped(handler: Handler) -> Handler:
        def stream(request: Any, context: grpc.ServicerContext) -> Any:
            if not slots.acquire(blocking=False):
                raise Overloaded(limit=limit, detail="too many streams are open; try again later")
            try:
                yield from handler(request, context)
            finally:
                slots.release()

        return stream

    return capped


def _rebuilt(handler: Any, method: Method, context: ServerContext, capped: Callable[[Handler], Handler]) -> Any:
    arity = f"{'stream' if method.request_streaming else 'unary'}_{'stream' if method.response_streaming else 'unary'}"
    behaviour: Handler = getattr(handler, arity)
    serialize = handler.response_serializer
    if is_non_blocking(behaviour):
        serialize = None  # a Send takes bytes: they are the same for all who watch
    elif method.response_streaming:
        behaviour = capped(behaviour)
    factory = getattr(grpc, f"{arity}_rpc_method_handler")
    return factory(compose(behaviour, method, context), lenient(handler.request_deserializer), serialize)


class Server:
    """The gRPC server of one service process."""

    def __init__(
        self,
        service: Service,
        *,
        settings: ChassisSettings,
        context: ServerContext,
        credentials: Credentials | None,
        version: str = "",
    ) -> None:
        """Health checks report the `version` of the code.

        Raises AddressTaken when it cannot listen, ContractIncomplete when a method lacks its policy."""
        self._settings = settings
        registered = handlers_of(service)
        self._watches = service.watches
        self._pool = ThreadPoolExecutor(max_workers=settings.threads, thread_name_prefix="call")
        self._grpc = grpc.server(
            self._pool,
            maximum_concurrent_rpcs=settings.threads * _QUEUE_PER_THREAD,
            options=[
                ("grpc.so_reuseport", 0),
                ("grpc.enable_channelz", 0),
                ("grpc.max_receive_message_length", 4 * _MEGABYTE),
                ("grpc.max_send_message_length", 16 * _MEGABYTE),
                ("grpc.max_metadata_size", 64 * 1024),
                ("grpc.keepalive_time_ms", 60_000),
                ("grpc.keepalive_permit_without_calls", 1),
                ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
                *connection_age(method for name in registered for method in methods_of(name).values()),
            ],
        )
        self._health = HealthServicer(version)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._grpc)
        self.service_names = self._register(registered, context)
        self._grpc.add_generic_rpc_handlers(service.unguarded)
        self.port = self._listen(credentials)

    def _register(self, registered: Registered, context: ServerContext) -> tuple[str, ...]:
        capped = _cap(max(1, self._settings.threads // 4))
        for name, handlers in registered.items():
            methods = methods_of(name)
            rebuilt = {
                key: trace_sampled_calls(
                    _rebuilt(handler, methods[key], context, capped), methods[key].path, recording=self._settings.traced
                )
                for key, handler in handlers.items()
            }
            self._grpc.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, rebuilt),))
            self._grpc.add_registered_method_handlers(name, rebuilt)
        return tuple(registered)

    def _listen(self, credentials: Credentials | None) -> int:
        address = self._settings.listen
        try:
            if credentials is None:
                return self._grpc.add_insecure_port(address)
            return self._grpc.add_secure_port(address, credentials.server())
        except RuntimeError:
            raise AddressTaken(address, variable="BOOKSTORE_LISTEN") from None

    def start(self) -> None:
        """Begins to serve; health says NOT_SERVING until `ready` is called."""
        self.ready(False)
        self._grpc.start()

    def ready(self, serving: bool) -> None:
        """Tells health whether calls should be sent here."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in ("", *self.service_names):
            self._health.set(name, status)

    def report(self, dependencies: Sequence[Dependency]) -> None:
        """Health tells from now on which of these cannot be reached."""
        self._health.dependencies = dependencies

    def stop(self) -> None:
        """Refuses new calls, lets those in flight finish within the drain time, then ends them."""
        self._health.enter_graceful_shutdown()
        for watches in self._watches:
            watches.close()
        self._grpc.stop(self._settings.drain_seconds).wait()
        self._pool.shutdown(wait=False, cancel_futures=True)
