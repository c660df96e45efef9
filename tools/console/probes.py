"""How the supervisor finds out whether a process works."""

from __future__ import annotations

import asyncio
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

import grpc
import grpc.aio
from grpc_health.v1 import health_pb2

from chassis.health import Health, read_health
from tools.console.certificates import CONSOLE, CertificateFolder
from tools.console.errors import Refused

NATS_BANNER: Final = b"INFO "
"""How a NATS server begins every connection."""
_CHECK: Final = "/grpc.health.v1.Health/Check"
_PATIENCE: Final = 1.0  # seconds one question may take


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthProbe:
    """Asks a service over mutual TLS, as the console, for its health (grpc.health.v1)."""

    service: str
    address: str
    certificates: CertificateFolder

    async def __call__(self) -> bool:
        """False while the service cannot be reached or says that it does not serve."""
        health = await self.health()
        return health is not None and health.serving

    async def health(self) -> Health | None:
        """What the service reports of itself; None while it cannot be reached."""
        if not await BannerProbe(address=self.address)():  # cheaper than a channel while nothing listens yet
            return None
        credentials = grpc.ssl_channel_credentials(
            self.certificates.authority.read_bytes(),
            self.certificates.key(CONSOLE).read_bytes(),
            self.certificates.certificate(CONSOLE).read_bytes(),
        )
        options = (("grpc.ssl_target_name_override", self.service), ("grpc.use_local_subchannel_pool", 1))
        async with grpc.aio.secure_channel(self.address, credentials, options) as channel:
            check = channel.unary_unary(
                _CHECK,
                request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
                response_deserializer=health_pb2.HealthCheckResponse.FromString,
            )
            call = check(health_pb2.HealthCheckRequest(), timeout=_PATIENCE)
            try:
                return read_health(await call, await call.initial_metadata())
            except grpc.aio.AioRpcError:
                return None


@dataclass(frozen=True, slots=True, kw_only=True)
class BannerProbe:
    """Connects to an address; with a `banner`, also waits for the server to say it first, as NATS says INFO."""

    address: str
    banner: bytes = b""

    async def __call__(self) -> bool:
        """False while nothing listens or something else does."""
        host, _, port = self.address.rpartition(":")
        try:
            async with asyncio.timeout(_PATIENCE):
                reader, writer = await asyncio.open_connection(host, int(port))
                try:
                    return not self.banner or await reader.readexactly(len(self.banner)) == self.banner
                finally:
                    writer.close()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return False


class EdgeRejected(Refused):
    """Envoy runs, but without some part of its configuration; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeProbe:
    """Asks Envoy's administration whether it serves and has fetched the keys that tokens are verified with.

    Raises EdgeRejected when it did not take a file: it serves all the same, and would reject requests.
    """

    admin: str
    needs_keys: bool = True

    async def __call__(self) -> bool:
        """False while tokens of users would still be refused."""
        return await asyncio.to_thread(self.asked)

    def asked(self) -> bool:
        """The same, blocking."""
        try:
            if self._get("/ready").strip() != "LIVE":
                return False
            rejected = self._counted("update_rejected|update_failure|unknown_fields")
            listeners_with_keys = self._counted("jwks_fetch_success")
        except (OSError, urllib.error.URLError):
            return False
        if rejected:
            raise EdgeRejected(f"Envoy rejects a part of its configuration: {', '.join(rejected)}")
        return not self.needs_keys or len(listeners_with_keys) == 2  # JSON and gRPC

    def _counted(self, names: str) -> list[str]:
        """Statistics of these names that are not zero."""
        lines = self._get(f"/stats?filter={quote(names)}").splitlines()
        return [line for line in lines if not line.endswith(": 0")]

    def _get(self, path: str) -> str:
        with urllib.request.urlopen(f"{self.admin}{path}", timeout=_PATIENCE) as answer:  # noqa: S310  # loopback
            return str(answer.read().decode())


class EdgeDrain:
    """Lets requests in flight at Envoy finish before it is stopped."""

    def __init__(self, admin: str) -> None:
        self._admin = admin

    async def __call__(self, *, within: float) -> None:
        """Stops listening, then returns when no request is left or after `within` seconds."""
        try:
            async with asyncio.timeout(within):
                await asyncio.to_thread(self._post, "/drain_listeners?graceful&skip_exit")
                while await asyncio.to_thread(self._active):
                    await asyncio.sleep(0.1)
        except (OSError, TimeoutError, urllib.error.URLError):
            return  # it is gone already, or its time is over

    def _active(self) -> int:
        with urllib.request.urlopen(  # noqa: S310  # loopback
            f"{self._admin}/stats?filter=http%5C.(json%7Cgrpc)%5C.downstream_rq_active", timeout=_PATIENCE
        ) as answer:
            return sum(int(line.rpartition(" ")[2]) for line in answer.read().decode().splitlines())

    def _post(self, path: str) -> None:
        request = urllib.request.Request(f"{self._admin}{path}", method="POST")  # noqa: S310  # loopback
        urllib.request.urlopen(request, timeout=_PATIENCE).close()  # noqa: S310
