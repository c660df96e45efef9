"""Settings of the `bookstore` command, from the environment."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Final, Literal
from urllib.parse import urlsplit

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from chassis.settings import LogLevel
from tools.console.environment import SettingsInvalid, bad_values, read
from tools.console.paths import DataFolder

_DATABASES: Final = ("postgresql", "sqlite")


class ConsoleSettings(BaseSettings):
    """What `bookstore` reads; each is the environment variable `BOOKSTORE_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="BOOKSTORE_", frozen=True, extra="ignore")

    data_dir: Path = Path(".data")
    """Folder of everything that lasts: databases, broker, mail, logs, certificates, traces."""
    bind: str = Field(default="127.0.0.1", min_length=1)
    """Address that the two public listeners bind."""
    http_port: int = Field(default=8080, ge=1, le=65535)
    """JSON over HTTP."""
    grpc_port: int = Field(default=8081, ge=1, le=65535)
    """gRPC and gRPC-Web."""
    admin_port: int = Field(default=9901, ge=1, le=65535)
    """Envoy's administration, on loopback only."""
    database_url: str = ""
    """Template with {service}; empty means one SQLite file per service in the data folder."""
    nats_url: str = ""
    """Broker to use instead of the embedded one."""
    otlp_endpoint: str = ""
    """OTLP/HTTP endpoint for traces."""
    traces: str = ""
    """Where spans go; the services check it, the edge needs to know whether to send its own."""
    smtp_url: str = ""
    """Mail server; empty means a Maildir in the data folder."""
    log_level: LogLevel = "info"
    environment: Literal["development", "production"] = "development"

    @field_validator("database_url")
    @classmethod
    def _one_database_per_service(cls, value: str) -> str:
        if value and "://" not in value:
            raise ValueError("is not a URL")
        if value and value.partition("://")[0].partition("+")[0] not in _DATABASES:
            raise ValueError("names no database the shop can use: it is PostgreSQL, or SQLite when left empty")
        if value and "{service}" not in value:
            raise ValueError("lacks {service}: every service has a database of its own")
        return value

    @field_validator("nats_url", "otlp_endpoint", "smtp_url")
    @classmethod
    def _is_url(cls, value: str) -> str:
        if value and not (urlsplit(value).scheme and urlsplit(value).hostname):
            raise ValueError("is not a URL")
        return value

    @property
    def trace_collector(self) -> str:
        """The OTLP endpoint the edge sends its spans to; empty when it keeps none."""
        return self.otlp_endpoint if self.traces in ("", "otlp") else ""

    @property
    def fixed_ports(self) -> dict[str, int]:
        """The ports that clients know, by the name of the setting."""
        return {"http_port": self.http_port, "grpc_port": self.grpc_port, "admin_port": self.admin_port}

    @cached_property
    def folder(self) -> DataFolder:
        """The data folder, absolute."""
        return DataFolder(path=self.data_dir.absolute())


def load_settings() -> ConsoleSettings:
    """Reads the environment. Raises SettingsInvalid, which then names the bad variables of the services too."""
    try:
        settings = read(ConsoleSettings)
    except SettingsInvalid:
        raise SettingsInvalid("\n".join(map(str, bad_values()))) from None
    taken: dict[int, str] = {}
    for name, port in settings.fixed_ports.items():
        if port in taken:
            raise SettingsInvalid(
                f"BOOKSTORE_{name.upper()} and BOOKSTORE_{taken[port].upper()} are both {port}; each needs its own"
            )
        taken[port] = name
    return settings
