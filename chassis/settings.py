"""The settings every service has, read from the environment once at start."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError


class Misconfigured(Exception):
    """The process cannot start as it is set up; the message says what is wrong and what to do."""


class AddressTaken(Misconfigured):
    """The address to listen on is in use or not one of this machine."""

    def __init__(self, address: str, *, variable: str) -> None:
        super().__init__(
            f"cannot listen on {address}: it is in use or not an address of this machine; set {variable} to another"
        )


_PROBLEMS: Final = {
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a smaller whole number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "enum": "must be one of {expected}",
    "literal_error": "must be one of {expected}",
    "string_too_short": "must not be empty",
    "string_too_long": "must have at most {max_length} characters",
}
"""By pydantic's type of the error, with its context."""

SettingsT = TypeVar("SettingsT", bound=BaseSettings)


def read_settings(kind: type[SettingsT]) -> SettingsT:
    """Settings from the environment. Raises Misconfigured naming each bad variable."""
    prefix = kind.model_config.get("env_prefix", "")
    try:
        return kind()
    except ValidationError as error:
        bad = [(f"{prefix}{'_'.join(str(part) for part in e['loc'])}".upper(), problem_of(e)) for e in error.errors()]
        raise Misconfigured("; ".join(f"{variable}: {problem}" for variable, problem in bad)) from None
    except SettingsError as error:  # a value that should be JSON, such as BOOKSTORE_TARGETS
        raise Misconfigured(f"{error}; give valid JSON") from None


def problem_of(error: ErrorDetails) -> str:
    """Returns what a setting must be, in plain words."""
    words = _PROBLEMS.get(error["type"])
    if words is None:
        return error["msg"].removeprefix("Value error, ")
    expected = {name: str(value).replace("'", "").replace(" or ", ", ") for name, value in error.get("ctx", {}).items()}
    return words.format_map(expected)


class Environment(StrEnum):
    """Where the process runs; development adds reflection at the edge and the token command."""

    DEVELOPMENT = "development"
    PRODUCTION = "production"


class TraceExport(StrEnum):
    """Where spans go."""

    OFF = "off"
    CONSOLE = "console"
    FILE = "file"
    OTLP = "otlp"


LogLevel = Literal["debug", "info", "warning", "error"]


class ChassisSettings(BaseSettings):
    """Settings of one service process; each is the environment variable `BOOKSTORE_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="BOOKSTORE_", frozen=True, extra="ignore")

    environment: Environment = Environment.DEVELOPMENT
    data_dir: Path = Path(".data")
    """Folder of databases, logs, mail and traces."""
    listen: str = "127.0.0.1:0"
    """Address and port of the gRPC server; port 0 lets the system choose."""
    metrics_port: int = Field(default=0, ge=0, le=65535)
    """Port of the Prometheus endpoint on loopback; 0 switches it off."""
    tls_dir: Path | None = None
    """Folder with ca.pem, <process>.pem and <process>.key for mutual TLS. Required in production."""
    targets: dict[str, list[str]] = Field(default_factory=dict)
    """Addresses of each process as JSON; a process that is not named is looked up as dns:///<process>:8080."""
    database_url: str = ""
    """Template with {service}; empty means one SQLite file per service in the data folder."""
    database_pool_size: int = Field(default=16, ge=1, le=200)
    """PostgreSQL connections per process."""
    nats_url: SecretStr = SecretStr("")
    otlp_endpoint: str = ""
    """OTLP/HTTP endpoint for traces, such as http://127.0.0.1:4318."""
    traces: TraceExport | None = None
    """Where spans go; when not said, to the OTLP endpoint if there is one, else to files."""
    trace_sample: float = Field(default=0.1, ge=0, le=1)
    """Share of traces recorded, 0 to 1, of those that begin in this process; a caller's decision goes before."""
    log_level: LogLevel = "info"
    core: int | None = Field(default=None, ge=0)
    """Processor the worker is pinned to; empty leaves it to the system."""
    threads: int = Field(default=16, ge=2, le=256)
    """Threads that serve calls; also bounds how many run at once."""
    drain_seconds: float = Field(default=5.0, ge=0, le=60)
    """How long calls in flight may take to finish after SIGTERM."""

    @field_validator("traces")
    @classmethod
    def _has_somewhere_to_send(cls, value: TraceExport | None, given: ValidationInfo) -> TraceExport | None:
        if value is TraceExport.OTLP and not given.data.get("otlp_endpoint"):
            raise ValueError("otlp needs BOOKSTORE_OTLP_ENDPOINT, such as http://127.0.0.1:4318")
        return value

    @property
    def trace_export(self) -> TraceExport:
        """Where spans go."""
        return self.traces or (TraceExport.OTLP if self.otlp_endpoint else TraceExport.FILE)

    @property
    def traced(self) -> bool:
        """Whether spans are recorded at all."""
        return self.trace_export is not TraceExport.OFF

    def database_url_for(self, service: str) -> str:
        """The SQLAlchemy URL of one service's database."""
        if self.database_url:
            return self.database_url.replace("{service}", service)
        return f"sqlite:///{(self.data_dir / 'db' / f'{service}.sqlite3').absolute()}"
