"""How a service describes itself, and what it is given to do so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import grpc

from chassis.broker import Broker
from chassis.channel import open_channel
from chassis.credentials import Credentials
from chassis.database import Database
from chassis.health import Dependency
from chassis.idempotency import IdempotencyStore
from chassis.inbox import Subscription
from chassis.kernel import Clock, Ids
from chassis.outbox import Outbox
from chassis.settings import ChassisSettings, SettingsT, read_settings
from chassis.tokens import TokenVerifier
from chassis.watches import Watches
from chassis.worker import Worker


@dataclass(frozen=True, slots=True)
class Servicer:
    """An implementation and the generated function that registers it."""

    register: Callable[[Any, Any], None]
    implementation: object


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One service, complete: what it serves, what it listens to and what it does in the background."""

    name: str
    servicers: tuple[Servicer, ...]
    subscriptions: tuple[Subscription, ...] = ()
    workers: tuple[Worker, ...] = ()
    unguarded: tuple[grpc.GenericRpcHandler, ...] = ()
    """Handlers of gRPC's own services, such as reflection: no contract, no policy, and no interceptor around them."""
    dependencies: tuple[Dependency, ...] = ()
    """What its health reports beside database, broker and trace collector."""
    watches: tuple[Watches, ...] = ()
    token_keys: Callable[[], bytes] | None = None
    """Returns the JSON Web Key Set of access tokens, of the service that owns the keys."""


class Runtime:
    """What the process gives a service to build itself with: settings, database, clock, ids, channels."""

    def __init__(
        self,
        name: str,
        *,
        chassis: ChassisSettings,
        clock: Clock,
        ids: Ids,
        connect: Callable[[], Broker],
        credentials: Credentials | None,
        traced: bool = False,
    ) -> None:
        self.name = name
        self.chassis = chassis
        self.clock = clock
        self.ids = ids
        self._connect = connect
        self.credentials = credentials
        self._traced = traced
        self._channels: dict[str, grpc.Channel] = {}

    @cached_property
    def database(self) -> Database:
        """The service's own database."""
        return Database(
            self.chassis.database_url_for(self.name), name=self.name, pool_size=self.chassis.database_pool_size
        )

    @property
    def has_database(self) -> bool:
        """Whether the service asked for its database."""
        return "database" in self.__dict__

    @property
    def has_outbox(self) -> bool:
        """Whether the service asked for its outbox."""
        return "outbox" in self.__dict__

    @cached_property
    def broker(self) -> Broker:
        """The connection to the broker, made when first asked for."""
        return self._connect()

    @property
    def has_broker(self) -> bool:
        """Whether the broker was asked for."""
        return "broker" in self.__dict__

    @cached_property
    def outbox(self) -> Outbox:
        """Where events are written in the transaction of their cause."""
        return Outbox(clock=self.clock, ids=self.ids, source=f"//bookstore/{self.name}")

    @cached_property
    def answers(self) -> IdempotencyStore:
        """Where answers are remembered in the transaction of their effect."""
        return IdempotencyStore(self.database, self.clock)

    def settings(self, kind: type[SettingsT]) -> SettingsT:
        """The service's own settings, read from the environment. Raises Misconfigured."""
        return read_settings(kind)

    def channel(self, service: str) -> grpc.Channel:
        """The channel to another service; one per process and target."""
        if service not in self._channels:
            self._channels[service] = open_channel(
                service,
                caller=self.name,
                addresses=self.chassis.targets.get(service),
                credentials=self.credentials,
                traced=self._traced,
            )
        return self._channels[service]

    def close(self) -> None:
        """Closes channels, broker and database."""
        for channel in self._channels.values():
            channel.close()
        if self.has_broker:
            self.broker.close()
        if self.has_database:
            self.database.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIssuer:
    """Whose access tokens a process accepts: the claims `iss` and `aud`, and where the keys are published.

    `fetcher` returns the function that fetches them, see `TokenVerifier`.
    """

    issuer: str
    audience: str
    fetcher: Callable[[Runtime], Callable[[], bytes]]

    def verifier(self, service: Service, runtime: Runtime) -> TokenVerifier:
        """The verifier of one process; the service that owns the keys reads them itself."""
        fetch = service.token_keys or self.fetcher(runtime)
        return TokenVerifier(fetch, issuer=self.issuer, audience=self.audience, clock=runtime.clock)


Build = Callable[[Runtime], Service]
"""The composition root of a service: `services.<name>.app.build`."""
