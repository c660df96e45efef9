"""The environment variables of the whole shop: which there are, and which of them are wrong."""

from __future__ import annotations

import difflib
import importlib
import re
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

from pydantic import SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings, SettingsError

from chassis.settings import problem_of
from tools.console.errors import Refused
from tools.console.services import SOURCE

SettingsT = TypeVar("SettingsT", bound=BaseSettings)

_PREFIX: Final = "BOOKSTORE_"
_PORT: Final = "choose a free port between 1 and 65535"
_REMEDIES: Final = {
    "BOOKSTORE_DATA_DIR": "name a folder that you may write to",
    "BOOKSTORE_HTTP_PORT": _PORT,
    "BOOKSTORE_GRPC_PORT": _PORT,
    "BOOKSTORE_ADMIN_PORT": _PORT,
    "BOOKSTORE_DATABASE_URL": "give a URL such as postgresql+psycopg://user:password@host/{service}, or leave it empty",
    "BOOKSTORE_NATS_URL": "give a URL such as nats://user:password@host:4222, or leave it empty for the embedded one",
    "BOOKSTORE_OTLP_ENDPOINT": "give a URL such as http://127.0.0.1:4318, or leave it empty",
    "BOOKSTORE_SMTP_URL": "give a URL such as smtp://user:password@host:587, or leave it empty for a Maildir",
    "BOOKSTORE_LOG_LEVEL": "choose debug, info, warning or error",
    "BOOKSTORE_ENVIRONMENT": "choose development or production",
    "BOOKSTORE_BIND": "give an IPv4 address of this machine, such as 127.0.0.1 or 0.0.0.0",
}
_UNREADABLE: Final = re.compile(r'for field "(\w+)"')  # how pydantic-settings names what is no JSON


class SettingsInvalid(Refused):
    """An environment variable has a value that cannot be used; the message names each one and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BadValue:
    """A variable that cannot be used. `assignment` is `NAME='value'`, or the name alone where the value is secret."""

    variable: str
    assignment: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.assignment}: {self.problem}; {self.remedy}"


def require(*readers: str) -> None:
    """Raises SettingsInvalid with each bad variable that these folders of `services/` read."""
    if found := bad_values(readers):
        raise SettingsInvalid("\n".join(map(str, found)))


def read(kind: type[SettingsT]) -> SettingsT:
    """One class of settings from the environment. Raises SettingsInvalid with a line for each bad variable."""
    try:
        return kind()
    except (ValidationError, SettingsError) as error:
        raise SettingsInvalid("\n".join(map(str, _told(kind, error)))) from None


def bad_values(only: Container[str] | None = None) -> tuple[BadValue, ...]:
    """Every bad variable that the folders of `services/` read, or `only` some of them; each once, whoever reads it."""
    found: dict[str, BadValue] = {}
    for kind in _kinds(only):
        try:
            kind()
        except (ValidationError, SettingsError) as error:
            for bad in _told(kind, error):
                found.setdefault(bad.variable, bad)
    return tuple(found.values())


def unknown(names: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The names with our prefix that nothing reads, each with the closest one that something does, or with nothing."""
    known = {_variable(kind, field).removeprefix(_PREFIX) for kind in _kinds() for field in kind.model_fields}
    for name in sorted(names):
        rest = name.upper().removeprefix(_PREFIX)
        if name.upper().startswith(_PREFIX) and rest not in known:
            closest = difflib.get_close_matches(rest, known, n=1)
            yield name, f"{_PREFIX}{closest[0]}" if closest else ""


def setting_modules() -> tuple[str, ...]:
    """The modules that read the environment: those of the chassis, of this command and of each service."""
    services = sorted(file.parent.name for file in (SOURCE / "services").glob("*/settings.py"))
    return ("chassis.settings", "tools.console.settings", *(f"services.{name}.settings" for name in services))


def _kinds(only: Container[str] | None = None) -> Iterator[type[BaseSettings]]:
    for name in setting_modules():
        if only is not None and name.split(".")[-2] not in only:
            continue
        module = importlib.import_module(name)
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, BaseSettings) and kind.__module__ == module.__name__:
                yield kind


def _variable(kind: type[BaseSettings], field: str) -> str:
    return f"{kind.model_config.get('env_prefix', '')}{field}".upper()


def _told(kind: type[BaseSettings], error: ValidationError | SettingsError) -> Iterator[BadValue]:
    if isinstance(error, SettingsError):
        unreadable = _UNREADABLE.search(str(error))
        field = unreadable[1] if unreadable else ""
        variable = _variable(kind, field)
        remedy = _remedy(variable, kind.model_fields.get(field))
        yield BadValue(variable=variable, assignment=variable, problem="is not JSON", remedy=remedy)
        return
    for problem in error.errors():
        field = str(problem["loc"][0]) if problem["loc"] else ""
        variable, described = _variable(kind, field), kind.model_fields.get(field)
        is_secret = described is not None and described.annotation is SecretStr
        yield BadValue(
            variable=variable,
            assignment=variable if is_secret else f"{variable}={problem['input']!r}",
            problem=problem_of(problem),
            remedy=_remedy(variable, described),
        )


def _remedy(variable: str, field: FieldInfo | None) -> str:
    """What to do; where nothing better is known, the default is a value that works."""
    default = field.default if field is not None else None
    if isinstance(default, Enum):
        default = default.value
    has_default = default not in (None, "", PydanticUndefined) and not isinstance(default, SecretStr)
    return _REMEDIES.get(
        variable, f"correct it, or unset it for {default}" if has_default else "correct it or unset it"
    )
