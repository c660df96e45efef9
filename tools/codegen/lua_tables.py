"""The tables in front of the edge's Lua filters: what they need to know of each call, by its route or path."""

from collections.abc import Iterable, Iterator, Mapping

from tools.codegen.contract import Access, Contract, Idempotency, Method
from tools.codegen.jwt_requirements import OPTIONAL, jwt_requirement

_HEADER = "-- Generated from protos/ by `make protos`; do not edit.\n"
_PARTIAL_ETAG = "chassis.v1.partial_etag"


def requests_tables(contract: Contract) -> bytes:
    """In front of envoy/requests.lua; keys are names of routes, which are names of methods."""
    methods = [method for method in contract.methods if method.external and method.routes]
    bound = {method.name: names for method in methods if (names := _bound(method))}
    return _lua(
        _table("STREAMS", "Server streams.", _set(method for method in methods if method.descriptor.server_streaming)),
        _table(
            "BOUND",
            "What the path or the body binds, and a query may not: fields without case and underscores, or everything.",
            {name: '"*"' if names == ["*"] else _row(names) for name, names in bound.items()},
        ),
        _table("PRIVATE", "Responses that are one caller's, whatever is sent.", _set(filter(is_private, methods))),
        _table(
            "VARIES",
            "Responses that depend on the token, if one is sent.",
            _set(method for method in methods if not is_private(method) and jwt_requirement(method) == OPTIONAL),
        ),
        _table(
            "REVALIDATED",
            "Reads whose ETag changes whenever the response does.",
            _set(method for method in methods if _is_revalidated(contract, method)),
        ),
    )


def connect_tables(contract: Contract) -> bytes:
    """In front of envoy/connect.lua; keys are gRPC paths."""
    calls = {
        f"/{method.name}": str(method.idempotency is Idempotency.NO_SIDE_EFFECTS).lower()
        for method in contract.methods
        if method.external
    }
    return _lua(_table("READS", "Whether a call is only a read, which Connect may send by GET.", calls))


def is_private(method: Method) -> bool:
    """Whether nothing on the way may keep a response of the method.

    That is what needs a token or the name of a guest's resource, what tries or returns a secret, and every change.
    """
    policy = method.enforced
    is_read = method.idempotency is Idempotency.NO_SIDE_EFFECTS
    return policy.access is not Access.PUBLIC or policy.rate_class == "CREDENTIALS" or not is_read


def _bound(method: Method) -> list[str]:
    """Fields that the path or the body of any of the method's routes fills, or `*` for all of them.

    Transcoding would let a query parameter overrule them.
    """
    bodies = {route.body for route in method.routes}
    if "*" in bodies:
        return ["*"]
    fields = {variable.field for route in method.routes for variable in route.template.variables}
    return sorted(field.replace("_", "").lower() for field in fields | bodies - {""})


def _is_revalidated(contract: Contract, method: Method) -> bool:
    response = method.descriptor.output_type
    return (
        any(route.verb == "GET" for route in method.routes)
        and "etag" in response.fields_by_name
        and not contract.option(response, _PARTIAL_ETAG)
    )


def _set(methods: Iterable[Method]) -> Mapping[str, str]:
    return {method.name: "true" for method in methods}


def _row(names: Iterable[str]) -> str:
    return "{" + ", ".join(f'["{name}"] = true' for name in names) + "}"


def _table(name: str, comment: str, rows: Mapping[str, str]) -> Iterator[str]:
    yield f"-- {comment}"
    yield f"local {name} = {{"
    yield from (f'  ["{key}"] = {value},' for key, value in sorted(rows.items()))
    yield "}"


def _lua(*tables: Iterable[str]) -> bytes:
    lines = [line for table in tables for line in ("", *table)]
    return (_HEADER + "\n".join(lines[1:]) + "\n").encode()
