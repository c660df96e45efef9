"""The health of the whole shop by the gRPC health protocol, for clients of the edge."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

import grpc
from bookstore.ops.v1.status_pb2 import Status
from grpc_health.v1 import health, health_pb2

from chassis.worker import Worker
from services.storefront.status import ShopStatus

SERVICE: Final = "grpc.health.v1.Health.Shop"
"""The edge routes here. Under the standard name the process reports its own health, as every process does."""
_LOOK_AGAIN: Final = timedelta(seconds=1)
_HEALTH: Final = health_pb2.HealthCheckResponse
_SERVES: Final = (Status.STATE_SERVING, Status.STATE_DEGRADED)


class ShopHealth(health.HealthServicer):
    """Serves grpc.health.v1.Health from the status of the shop.

    The empty name is the shop: SERVING unless its status is NOT_SERVING. Any other is a gRPC service and stands for the
    process that serves it; `served_by` maps one to the other. Discloses less than StatusService, which is public.
    """

    def __init__(self, shop: ShopStatus, served_by: Mapping[str, str]) -> None:
        super().__init__()
        self._shop = shop
        self._served_by = served_by
        self._updating = threading.Lock()
        self._reported: dict[str, int] = {}
        self._watchers = 0

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """Returns the handlers, for `Service.unguarded`."""
        read, write = health_pb2.HealthCheckRequest.FromString, _HEALTH.SerializeToString
        methods = {
            "Check": grpc.unary_unary_rpc_method_handler(self.Check, read, write),
            "Watch": grpc.unary_stream_rpc_method_handler(self.Watch, read, write),
        }
        return (grpc.method_handlers_generic_handler(SERVICE, methods),)

    def worker(self) -> Worker:
        """Returns the worker that notifies watchers of changes; without watchers it does nothing."""
        return Worker("shop health", _LOOK_AGAIN, self._notify_watchers)

    def Check(self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext) -> Any:  # noqa: N802
        """Returns the health of the shop or of one service; NOT_FOUND for a name that is neither."""
        self._update()
        if request.service not in self._reported:
            context.set_details(f"service: there is no {request.service!r}; leave it empty for the whole shop")
        return super().Check(request, context)

    def Watch(  # noqa: N802
        self,
        request: health_pb2.HealthCheckRequest,
        context: grpc.ServicerContext,
        send_response_callback: Callable[[Any], None] | None = None,
    ) -> Any:
        """Streams the same, first the current state, then every change. Holds no thread."""
        self._update()
        with self._updating:
            self._watchers += 1
        if not context.add_callback(self._forget_watcher):  # the call has ended already
            self._forget_watcher()
        return super().Watch(request, context, send_response_callback)

    def _forget_watcher(self) -> None:
        with self._updating:
            self._watchers -= 1

    def _notify_watchers(self) -> None:
        if self._watchers:
            self._update()

    def _update(self) -> None:
        status = self._shop.status()
        states = {service.name: service.state in _SERVES for service in status.services}
        serving = {name: states.get(process, False) for name, process in self._served_by.items()}
        serving[""] = status.state != Status.STATE_NOT_SERVING
        with self._updating:
            for name, is_serving in serving.items():
                state = _HEALTH.SERVING if is_serving else _HEALTH.NOT_SERVING
                if self._reported.get(name) != state:
                    self._reported[name] = state
                    self.set(name, state)
