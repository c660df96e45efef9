"""The house rules for contracts that buf does not know."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tools.codegen.contract import OWN_ROOTS, Access, Contract, Idempotency, Method, Policy, Route

_UNSPECIFIED = "UNSPECIFIED"


def problems(contract: Contract) -> list[str]:
    """Every breach of a house rule as `file: method: what is wrong`, in the order of files and methods."""
    found = [
        *(f"{method.file}: {method.name}: {text}" for method in contract.methods for text in _method(contract, method)),
        *_collisions(contract),
        *_shared_requests(contract),
        *_secrets(contract),
    ]
    return sorted(found)


def _method(contract: Contract, method: Method) -> Iterator[str]:
    if not method.comment:
        yield "has no comment"
    if method.idempotency is None:
        yield "has no idempotency_level; state IDEMPOTENCY_UNKNOWN when a repeat has another effect"
    if method.policy is None:
        yield "has no (chassis.v1.policy)"
        return
    yield from _policy(contract, method.policy)
    if method.policy.access is Access.INTERNAL and method.routes:
        yield "is ACCESS_INTERNAL and has an HTTP route"
    if method.policy.access is not Access.INTERNAL and not method.routes and not method.descriptor.client_streaming:
        yield "has no (google.api.http) route; only ACCESS_INTERNAL and client streams go without"
    for route in method.routes:
        yield from _route(method, route)


def _policy(contract: Contract, policy: Policy) -> Iterator[str]:
    processes = {method.served_by for method in contract.methods}
    if policy.access is Access.UNSPECIFIED:
        yield "policy has no access"
    if policy.rate_class == _UNSPECIFIED:
        yield "policy has no rate_class"
    if policy.timeout <= timedelta(0):
        yield "policy has no timeout"
    if _UNSPECIFIED in policy.roles:
        yield "policy names ROLE_UNSPECIFIED"
    if policy.access is Access.ROLE and not policy.roles:
        yield "is ACCESS_ROLE and names no roles"
    if policy.access is Access.INTERNAL and not policy.callers:
        yield "is ACCESS_INTERNAL and names no callers"
    for caller in policy.callers:
        if caller not in processes:
            yield f"policy names the caller {caller!r}, which is no process of this contract"


def _route(method: Method, route: Route) -> Iterator[str]:
    request = method.descriptor.input_type
    shown = f"{route.verb} {route.template.source}"
    if route.verb == "GET" and method.idempotency in (Idempotency.UNKNOWN, Idempotency.IDEMPOTENT):
        yield f"{shown}: GET needs idempotency_level = NO_SIDE_EFFECTS"
    if route.verb in ("GET", "DELETE") and route.body:
        yield f"{shown}: {route.verb} has no body"
    if route.body not in ("", "*") and route.body not in request.fields_by_name:
        yield f"{shown}: {request.name} has no field {route.body!r} for the body"
    for variable in route.template.variables:
        field = _field(request, variable.field)
        if field is None or field.type != FieldDescriptor.TYPE_STRING or field.is_repeated:
            yield f"{shown}: {request.name} has no string field {variable.field!r} for the path"


def _field(message: Descriptor, path: str) -> FieldDescriptor | None:
    head, _, tail = path.partition(".")
    field = message.fields_by_name.get(head)
    if field is None or not tail:
        return field
    return _field(field.message_type, tail) if field.message_type is not None else None


def _collisions(contract: Contract) -> Iterator[str]:
    """Routes are sorted literal before wildcard. That decides, unless neither of two overlapping ones is narrower."""
    bindings = [(method, route) for method in contract.methods for route in method.routes]
    for (one, first), (other, second) in combinations(bindings, 2):
        a, b = first.template, second.template
        if first.verb == second.verb and a.overlaps(b) and not (a.narrows(b) or b.narrows(a)):
            yield (
                f"{one.file}: {one.name}: {first.verb} {a.source} collides with {b.source} of {other.name}"
                f" ({other.file}): a path can match both"
            )


def _shared_requests(contract: Contract) -> Iterator[str]:
    """One request type per RPC, so that each can grow alone (buf's own rule would cover answers too)."""
    users: defaultdict[str, list[Method]] = defaultdict(list)
    for method in contract.methods:
        users[method.descriptor.input_type.full_name].append(method)
    for name, methods in users.items():
        if len(methods) > 1 and name.startswith(OWN_ROOTS):
            yield f"{methods[0].file}: {name} is the request of {' and '.join(method.name for method in methods)}"


def _secrets(contract: Contract) -> Iterator[str]:
    """The JSON side prints every field without presence, an input-only one as an empty string."""
    names = contract.enum_values("google.api.FieldBehavior")
    for file in contract.files.values():
        for message in file.message_types_by_name.values():
            if contract.option(message, "google.api.resource") is None:
                continue
            for field in message.fields:
                behavior = {names[number] for number in contract.option(field, "google.api.field_behavior")}
                if "INPUT_ONLY" in behavior and not field.has_presence:
                    yield f"{file.name}: {field.full_name} is INPUT_ONLY in a resource and must be `optional`"
