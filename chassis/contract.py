"""What the contract says of each method, read from the descriptors once at start."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from google.api import annotations_pb2
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodOptions, ServiceOptions

from chassis.v1 import error_pb2, platform_errors_pb2, policy_pb2
from chassis.v1.platform_errors import Unexpected

ErrorName = tuple[str, str]
"""Domain and reason of an error."""

GENERATED: Final = Path(__file__).parents[1] / "generated"
"""What `make protos` writes."""
OPEN: Final = frozenset({policy_pb2.ACCESS_PUBLIC, policy_pb2.ACCESS_HOLDER})
"""Access without a user; whether a resource has an owner is for the service to see."""


class ContractIncomplete(Exception):
    """A method lacks something every contract must state; the process does not start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One RPC and its policy.

    `path` is `/package.Service/Method`, `timeout` in seconds. `keyed` methods remember their answer per request_id;
    `creates` ones answer 201 with the resource's location over HTTP; of `versioned` ones the response has an etag.
    An invalid token counts as none for `lenient` ones. `errors` are all that the RPC can return.
    """

    path: str
    name: str
    access: policy_pb2.Access.ValueType
    roles: frozenset[str]
    callers: frozenset[str]
    timeout: float
    request: Descriptor
    response: Descriptor
    request_streaming: bool
    response_streaming: bool
    keyed: bool
    creates: bool
    versioned: bool
    lenient: bool
    errors: frozenset[ErrorName]

    @property
    def unary(self) -> bool:
        """Whether it has one request and one response."""
        return not (self.request_streaming or self.response_streaming)


def process_of(service: ServiceDescriptor) -> str:
    """Name of the process that serves a service: the policy's `served_by` or the context of its package."""
    return _process(service.full_name, service.GetOptions())


def _process(full_name: str, options: ServiceOptions) -> str:
    return options.Extensions[policy_pb2.served_by] or full_name.split(".")[1]


def public_contract() -> FileDescriptorSet:
    """Returns the public API: the RPCs that the edge lets in and all that these use, with comments."""
    return FileDescriptorSet.FromString((GENERATED / "public.binpb").read_bytes())


def processes_by_service(files: FileDescriptorSet) -> Mapping[str, str]:
    """Returns the process that serves each service of `files`, by the full name of the service."""
    names = ((f"{file.package}.{service.name}", service.options) for file in files.file for service in file.service)
    return {name: _process(name, options) for name, options in names}


def method_of(descriptor: MethodDescriptor) -> Method:
    """Reads one method. Raises ContractIncomplete when it has no policy or no timeout."""
    service = descriptor.containing_service
    options = descriptor.GetOptions()
    policy = options.Extensions[policy_pb2.policy]
    if policy.access == policy_pb2.ACCESS_UNSPECIFIED or not policy.HasField("timeout"):
        raise ContractIncomplete(f"{descriptor.full_name} has no complete (chassis.v1.policy)")
    idempotent = options.idempotency_level == MethodOptions.IDEMPOTENT
    route = options.Extensions[annotations_pb2.http].post
    response_fields = descriptor.output_type.fields_by_name
    return Method(
        path=f"/{service.full_name}/{descriptor.name}",
        name=descriptor.name,
        access=policy.access,
        roles=frozenset(policy_pb2.Role.Name(role).removeprefix("ROLE_").lower() for role in policy.roles),
        callers=frozenset(policy.callers),
        timeout=policy.timeout.seconds + policy.timeout.nanos / 1e9,
        request=descriptor.input_type,
        response=descriptor.output_type,
        request_streaming=descriptor.client_streaming,
        response_streaming=descriptor.server_streaming,
        keyed=idempotent and "request_id" in descriptor.input_type.fields_by_name,
        # As at the edge: a change must not be made for an anonymous caller in place of the user a token names.
        lenient=policy.access in OPEN
        and (
            options.idempotency_level == MethodOptions.NO_SIDE_EFFECTS
            or policy.rate_class == policy_pb2.RATE_CLASS_CREDENTIALS
        ),
        versioned="etag" in response_fields,
        creates=bool(route) and ":" not in route and "name" in response_fields,
        errors=_errors(descriptor, policy),
    )


def _errors(descriptor: MethodDescriptor, policy: policy_pb2.MethodPolicy) -> frozenset[ErrorName]:
    """What the policy lists and what the contract implies, as chassis.v1.ImpliedError says."""
    root, context, *_ = descriptor.containing_service.full_name.split(".")
    library = _implied_errors()
    listed = {(Unexpected.domain if reason in library else f"{context}.{root}", reason) for reason in policy.errors}
    fields = _field_names(descriptor.input_type)
    implied = {
        (Unexpected.domain, reason)
        for reason, condition in library.items()
        if condition.every_rpc or policy.access in condition.access or fields.intersection(condition.request_fields)
    }
    return frozenset(listed | implied)


def _field_names(request: Descriptor) -> frozenset[str]:
    """Names of the fields of a request and, of an update, of the resource in it."""
    holders = [request]
    if "update_mask" in request.fields_by_name:
        holders += [field.message_type for field in request.fields if field.message_type is not None]
    return frozenset(name for holder in holders for name in holder.fields_by_name)


@cache
def _implied_errors() -> dict[str, error_pb2.ImpliedError]:
    """By the reasons of the library's own errors, which RPCs imply them."""
    reasons = platform_errors_pb2.PlatformErrorReason.DESCRIPTOR.values
    prefix = reasons[0].name.removesuffix("UNSPECIFIED")
    return {
        reason.name.removeprefix(prefix): reason.GetOptions().Extensions[error_pb2.error].implied for reason in reasons
    }


def service_descriptor(full_name: str) -> ServiceDescriptor:
    """The descriptor of a service; its package is imported when no module that describes the service was so far.

    Generated gRPC modules import the messages they use, which need not be the file the service stands in.
    """
    pool = descriptor_pool.Default()
    try:
        return pool.FindServiceByName(full_name)
    except KeyError:
        package = importlib.import_module(full_name.rpartition(".")[0])
        for module in pkgutil.iter_modules(package.__path__, prefix=f"{package.__name__}."):
            if module.name.endswith("_service_pb2"):
                importlib.import_module(module.name)
        return pool.FindServiceByName(full_name)


def methods_of(service_name: str) -> dict[str, Method]:
    """The methods of a service by name; `service_name` is its full protobuf name."""
    return {method.name: method_of(method) for method in service_descriptor(service_name).methods}


def method_at(path: str) -> Method:
    """The method with the path `/package.Service/Method`."""
    service, _, method = path[1:].partition("/")
    return method_of(service_descriptor(service).methods_by_name[method])
