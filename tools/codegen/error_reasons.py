"""The error reasons of the contracts: the `*ErrorReason` enums, each value with its specification."""

import string
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import Descriptor, FileDescriptor

from tools.codegen.contract import Access, Contract, ContractError, Method, enum_name, enum_names

LIBRARY_DOMAIN = "platform.bookstore"
"""google.rpc.ErrorInfo.domain of the library's own errors; that of a context is `<context>.bookstore`."""
HTTP_STATUS: Mapping[str, int] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INTERNAL": 500,
    "DATA_LOSS": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""The HTTP status of each gRPC code, as google/rpc/code.proto maps them."""
OWN_STATUS: Mapping[str, int] = {"ETAG_MISMATCH": 412}
"""The HTTP status of reasons that have another one than their code: what HTTP clients expect of a failed If-Match."""
_LIBRARY = "chassis."
_SUFFIX = "ErrorReason"
_SPEC = "chassis.v1.error"
_TEXT_ONLY = "detail"


@dataclass(frozen=True, slots=True, kw_only=True)
class Implied:
    """chassis.v1.ImpliedError: which RPCs can return an error because of what their contract says."""

    every_rpc: bool
    access: frozenset[Access]
    request_fields: frozenset[str]

    def by(self, method: Method) -> bool:
        """Whether the contract of `method` implies the error by its access or its request."""
        fields = _field_names(method.descriptor.input_type)
        return method.enforced.access in self.access or bool(self.request_fields & fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One error reason. `code` is empty for a reason that is never an error, `message` for one without a class.

    `arguments` are the names in braces of the message and the further metadata keys, in this order; `detail` is set
    apart, since it is no metadata.
    """

    name: str
    domain: str
    file: str
    comment: str
    code: str
    message: str
    field: str
    arguments: tuple[str, ...]
    has_detail: bool
    implied: Implied

    @property
    def http_status(self) -> int:
        """The status of the response over HTTP. Raises KeyError for a reason that is never an error."""
        return OWN_STATUS.get(self.name) or HTTP_STATUS[self.code]

    @property
    def metadata(self) -> str:
        """The metadata keys for people, each in backticks."""
        return ", ".join(f"`{name}`" for name in self.arguments)


def reasons(contract: Contract) -> tuple[Reason, ...]:
    """All reasons, in the order of files and values. Raises ContractError naming a value that cannot be used."""
    return tuple(reason for file in contract.files.values() for reason in _reasons(contract, file))


def listed(method: Method, known: Iterable[Reason]) -> tuple[Reason, ...]:
    """The errors that the policy of an RPC lists.

    Raises ContractError for a reason that does not exist, is never an error, or is implied by the contract anyway.
    """
    known = tuple(known)
    return tuple(_listed(method, name, known) for name in method.enforced.errors)


def implied(method: Method, known: Iterable[Reason]) -> tuple[Reason, ...]:
    """The errors that an RPC can return because of its access or its request."""
    return tuple(reason for reason in known if reason.implied.by(method))


def domain_of(package: str) -> str:
    """google.rpc.ErrorInfo.domain of the errors of a package: `orders.bookstore` of `bookstore.orders.v1`."""
    if package.startswith(_LIBRARY):
        return LIBRARY_DOMAIN
    root, context, *_ = package.split(".")
    return f"{context}.{root}"


def names_in(template: str) -> tuple[str, ...]:
    """The names in braces. Raises ValueError for anything else in braces."""
    names = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    if not all(name.isidentifier() for name in names):
        raise ValueError(f"{template!r}: what stands in braces must be a name")
    return tuple(dict.fromkeys(names))


def _listed(method: Method, name: str, known: tuple[Reason, ...]) -> Reason:
    where = f"{method.file}: {method.name}"
    domains = (domain_of(method.descriptor.containing_service.file.package), LIBRARY_DOMAIN)
    candidates = [reason for reason in known if reason.domain in domains and reason.name == name]
    if len(candidates) > 1:
        raise ContractError(f"{where}: policy lists {name}, which is a reason of both {' and '.join(domains)}")
    found = candidates[0] if candidates else None
    if found is None or not found.code:
        raise ContractError(f"{where}: policy lists {name}, which is no error of {' or '.join(domains)}")
    if found.implied.every_rpc or found.implied.by(method):
        raise ContractError(f"{where}: policy lists {name}, which its contract implies")
    return found


def _reasons(contract: Contract, file: FileDescriptor) -> Iterator[Reason]:
    for enum in file.enum_types_by_name.values():
        if not enum.name.endswith(_SUFFIX):
            continue
        prefix = enum.values[0].name.removesuffix("UNSPECIFIED")
        for value in enum.values[1:]:
            comment = " ".join(contract.comment(f"{file.package}.{enum.name}.{value.name}").split())
            try:
                yield _reason(contract.option(value, _SPEC), value.name.removeprefix(prefix), file, comment)
            except ValueError as error:
                raise ContractError(f"{file.name}: {value.name}: {error}") from error


def _reason(spec: Any, name: str, file: FileDescriptor, comment: str) -> Reason:
    placed = names_in(spec.message) if spec is not None else ()
    return Reason(
        name=name,
        domain=domain_of(file.package),
        file=file.name,
        comment=comment,
        code="" if spec is None else enum_name(spec, "code"),
        message="" if spec is None else spec.message,
        field="" if spec is None else spec.field,
        arguments=(*(key for key in placed if key != _TEXT_ONLY), *(spec.metadata if spec is not None else ())),
        has_detail=_TEXT_ONLY in placed,
        implied=Implied(
            every_rpc=spec is not None and spec.implied.every_rpc,
            access=frozenset(
                Access(access.removeprefix("ACCESS_"))
                for access in (enum_names(spec.implied, "access") if spec is not None else ())
            ),
            request_fields=frozenset(spec.implied.request_fields if spec is not None else ()),
        ),
    )


def _field_names(request: Descriptor) -> frozenset[str]:
    """Names of the fields of a request and, of an update, of the resource in it."""
    holders = [request]
    if "update_mask" in request.fields_by_name:
        holders += [field.message_type for field in request.fields if field.message_type is not None]
    return frozenset(name for holder in holders for name in holder.fields_by_name)
