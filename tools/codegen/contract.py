"""The contracts as values: services, methods, policies, routes and comments, read from a descriptor set."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.descriptor import Descriptor, FileDescriptor, MethodDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from tools.codegen.http_template import Template, parse_template

OWN_ROOTS = ("bookstore.", "chassis.")
"""Roots of the packages whose contracts stand in protos/."""
_HTTP = "google.api.http"
_POLICY = "chassis.v1.policy"
_SERVED_BY = "chassis.v1.served_by"


class ContractError(Exception):
    """The contracts cannot be used as they are; each line names the file or the method and says what is wrong."""


class Access(StrEnum):
    """chassis.v1.Access without its prefix."""

    UNSPECIFIED = "UNSPECIFIED"
    PUBLIC = "PUBLIC"
    HOLDER = "HOLDER"
    USER = "USER"
    OWNER = "OWNER"
    ROLE = "ROLE"
    INTERNAL = "INTERNAL"


class Idempotency(StrEnum):
    """google.protobuf.MethodOptions.IdempotencyLevel; UNKNOWN, when stated, says that a repeat has another effect."""

    UNKNOWN = "IDEMPOTENCY_UNKNOWN"
    NO_SIDE_EFFECTS = "NO_SIDE_EFFECTS"
    IDEMPOTENT = "IDEMPOTENT"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The `chassis.v1.policy` option; names are enum values without their prefix."""

    access: Access
    roles: tuple[str, ...]
    callers: tuple[str, ...]
    timeout: timedelta
    rate_class: str
    errors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One HTTP binding. `body` is the request field that the body fills, `*` for the whole request, empty for none."""

    verb: str
    template: Template
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """An RPC of ours. `policy` and `idempotency` are None only in a contract that `check` refuses."""

    descriptor: MethodDescriptor
    file: str
    comment: str
    policy: Policy | None
    idempotency: Idempotency | None
    routes: tuple[Route, ...]
    context: str
    served_by: str

    @property
    def name(self) -> str:
        """`pkg.Service/Method`, the gRPC path without its leading slash."""
        return f"{self.descriptor.containing_service.full_name}/{self.descriptor.name}"

    @property
    def service(self) -> str:
        """The full name of the service."""
        return str(self.descriptor.containing_service.full_name)

    @property
    def enforced(self) -> Policy:
        """The policy. Raises ContractError for a method that has none."""
        if self.policy is None:
            raise ContractError(f"{self.file}: {self.name} has no policy")
        return self.policy

    @property
    def external(self) -> bool:
        """Whether the edge lets the call in."""
        return self.enforced.access is not Access.INTERNAL


class Contract:
    """Everything the generators need to know, from one descriptor set with source info."""

    def __init__(self, files: FileDescriptorSet) -> None:
        self._pool = descriptor_pool.DescriptorPool()
        self._comments: dict[str, str] = {}
        for file in files.file:
            self._pool.AddSerializedFile(file.SerializeToString())
            self._comments.update(_comments(file))
        self.files: Mapping[str, FileDescriptor] = {
            file.name: self._pool.FindFileByName(file.name) for file in files.file if file.package.startswith(OWN_ROOTS)
        }
        self.methods = tuple(sorted(self._methods(), key=lambda method: method.name))

    def comment(self, full_name: str) -> str:
        """The leading comment of an element, empty if it has none."""
        return self._comments.get(full_name, "")

    def message(self, full_name: str) -> Descriptor:
        """The message of that name. Raises KeyError."""
        return self._pool.FindMessageTypeByName(full_name)

    def enum_values(self, full_name: str) -> Mapping[int, str]:
        """The names of an enum's values by number. Raises KeyError."""
        values = self._pool.FindEnumTypeByName(full_name).values_by_number
        return {number: str(value.name) for number, value in values.items()}

    def option(self, descriptor: Any, extension: str) -> Any:
        """The value of a custom option, or None when the element does not carry it.

        The value is a message of this contract's own pool: its classes exist only at run time.
        """
        plain = descriptor.GetOptions()
        aware = message_factory.GetMessageClass(self._pool.FindMessageTypeByName(plain.DESCRIPTOR.full_name))
        options: Any = aware.FromString(plain.SerializeToString())
        field = self._pool.FindExtensionByName(extension)
        if field.is_repeated or options.HasExtension(field):
            return options.Extensions[field]
        return None

    def _methods(self) -> Iterator[Method]:
        for file in self.files.values():
            context = file.package.split(".")[1]
            for service in file.services_by_name.values():
                served_by = self.option(service, _SERVED_BY) or context
                for method in service.methods:
                    yield Method(
                        descriptor=method,
                        file=file.name,
                        comment=self.comment(method.full_name),
                        policy=self._policy(method),
                        idempotency=_idempotency(method),
                        routes=self._routes(method),
                        context=context,
                        served_by=served_by,
                    )

    def _routes(self, method: MethodDescriptor) -> tuple[Route, ...]:
        try:
            return tuple(_routes(self.option(method, _HTTP)))
        except ValueError as error:
            raise ContractError(f"{method.containing_service.file.name}: {method.full_name}: {error}") from error

    def _policy(self, method: MethodDescriptor) -> Policy | None:
        option = self.option(method, _POLICY)
        if option is None:
            return None
        return Policy(
            access=Access(enum_name(option, "access").removeprefix("ACCESS_")),
            roles=tuple(name.removeprefix("ROLE_") for name in enum_names(option, "roles")),
            callers=tuple(option.callers),
            timeout=timedelta(seconds=option.timeout.seconds, microseconds=option.timeout.nanos // 1000),
            rate_class=enum_name(option, "rate_class").removeprefix("RATE_CLASS_"),
            errors=tuple(option.errors),
        )


def _idempotency(method: MethodDescriptor) -> Idempotency | None:
    options = method.GetOptions()
    stated = options.HasField("idempotency_level")
    return Idempotency(enum_name(options, "idempotency_level")) if stated else None


def enum_name(message: Any, field: str) -> str:
    """The name of the value that an enum field holds."""
    number = getattr(message, field)
    return str(message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number[number].name)


def enum_names(message: Any, field: str) -> Iterator[str]:
    """The names of the values that a repeated enum field holds."""
    values = message.DESCRIPTOR.fields_by_name[field].enum_type.values_by_number
    return (str(values[number].name) for number in getattr(message, field))


def _routes(rule: Any) -> Iterator[Route]:
    if rule is None:
        return
    for binding in (rule, *rule.additional_bindings):
        kind = binding.WhichOneof("pattern")
        if kind == "custom" or kind is None:
            raise ValueError(f"google.api.http: {kind or 'no'} pattern is not supported")
        yield Route(verb=kind.upper(), template=parse_template(getattr(binding, kind)), body=binding.body)


# Field numbers of descriptor.proto that lead from a file to its elements, by which SourceCodeInfo addresses them.
_FILE_CHILDREN = {4: "message_type", 5: "enum_type", 6: "service", 7: "extension"}
_MESSAGE_CHILDREN = {2: "field", 3: "nested_type", 4: "enum_type", 6: "extension", 8: "oneof_decl"}
_CHILDREN: Mapping[type, Mapping[int, str]] = {
    FileDescriptorProto: _FILE_CHILDREN,
    descriptor_pb2.DescriptorProto: _MESSAGE_CHILDREN,
    descriptor_pb2.EnumDescriptorProto: {2: "value"},
    descriptor_pb2.ServiceDescriptorProto: {2: "method"},
}


def _comments(file: FileDescriptorProto) -> Iterator[tuple[str, str]]:
    for location in file.source_code_info.location:
        name = _element(file, list(location.path)) if location.leading_comments else None
        if name is not None:
            lines = (line.removeprefix(" ").rstrip() for line in location.leading_comments.splitlines())
            yield name, "\n".join(lines).strip()


def _element(file: FileDescriptorProto, path: list[int]) -> str | None:
    """The full name of the element at `path`, or None when the path leads to a part of one."""
    element: Any = file
    name = file.package
    if not path or len(path) % 2:
        return None
    for number, index in zip(path[::2], path[1::2], strict=True):
        child = _CHILDREN.get(type(element), {}).get(number)
        if child is None:
            return None
        element = getattr(element, child)[index]
        name = f"{name}.{element.name}"
    return name
