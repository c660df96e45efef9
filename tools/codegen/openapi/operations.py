"""HTTP routes as OpenAPI path items. Source of the mapping: the comment of HttpRule in google/api/http.proto."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tools.codegen.contract import Access, ContractError, Idempotency, Method, Route
from tools.codegen.error_reasons import Reason
from tools.codegen.http_template import WILDCARD, Template, Variable
from tools.codegen.openapi import rules
from tools.codegen.openapi.examples import Examples
from tools.codegen.openapi.responses import error_responses
from tools.codegen.openapi.schemas import WELL_KNOWN, Schema, Schemas

SECURITY_SCHEME = "bearerAuth"
_LONGEST_ETAG = 128  # as the rules of every etag field say


def paths(methods: Iterable[Method], schemas: Schemas, examples: Examples, known: Sequence[Reason]) -> dict[str, Any]:
    """Path items by URL, in alphabetical order; `known` are all error reasons.

    Raises ContractError when two RPCs have the same name or an example is missing.
    """
    items: dict[str, dict[str, Any]] = {}
    names: dict[str, Method] = {}
    for method in methods:
        for index, route in enumerate(method.routes):
            name = method.descriptor.name + (f"By{route.verb.title()}" if index else "")
            if names.setdefault(name, method) is not method:
                raise ContractError(f"{method.name} and {names[name].name} both want the operation name {name}")
            items.setdefault(_url(route.template), {})[route.verb.lower()] = _operation(
                name, method, route, schemas, examples, known
            )
    return dict(sorted(items.items()))


def _operation(
    name: str, method: Method, route: Route, schemas: Schemas, examples: Examples, known: Sequence[Reason]
) -> dict[str, Any]:
    request = method.descriptor.input_type
    operation: dict[str, Any] = {
        "operationId": name,
        "tags": [method.descriptor.containing_service.name],
        "summary": _words(method.descriptor.name),
        "description": f"{method.comment}\n\n{access_text(method)}",
        "security": _security(method),
        "parameters": [
            *_path_parameters(request, route, schemas, examples),
            *_query_parameters(request, route, schemas),
        ],
    }
    if method.idempotency is Idempotency.IDEMPOTENT and "request_id" in request.fields_by_name:
        operation["parameters"].append(_idempotency_key())
    if method.idempotency is Idempotency.IDEMPOTENT and _guarded(request):
        operation["parameters"].append(_if_match())
    if not operation["parameters"]:
        del operation["parameters"]
    if route.body:
        operation["requestBody"] = _body(request, route, schemas, examples)
    operation["responses"] = {
        **_success(method, route, schemas),
        **error_responses(method, known),
        "default": {"$ref": "#/components/responses/Error"},
    }
    return operation


def _url(template: Template) -> str:
    """The template with one parameter per wildcard: `/v1/{name=users/*}` is `/v1/users/{user}`."""
    names = _parameter_names(template)
    segments = (f"{{{names[index]}}}" if index in names else text for index, text in enumerate(template.segments))
    return "/" + "/".join(segments) + (f":{template.verb}" if template.verb else "")


def _parameter_names(template: Template) -> dict[int, str]:
    """Names of the wildcards by position: the singular of the collection before each, as AIP-122 names resource ids."""
    return {
        index: template.segments[index - 1].removesuffix("s")
        for index, segment in enumerate(template.segments)
        if segment == WILDCARD
    }


def _path_parameters(
    request: Descriptor, route: Route, schemas: Schemas, examples: Examples
) -> Iterator[dict[str, Any]]:
    names = _parameter_names(route.template)
    for variable in route.template.variables:
        field = _resolve(request, variable.field)
        description = schemas.field(field).get("description", "")
        example = str(examples.field(field) or "").split("/")
        for index in range(variable.start, variable.end):
            if index in names:
                pattern = _id_pattern(schemas.rules(field), field, route.template, variable, index)
                yield {
                    "name": names[index],
                    "in": "path",
                    "required": True,
                    "description": f"The id in `{field.name}`. {description}".strip(),
                    "schema": {"type": "string", **({"pattern": pattern} if pattern else {"minLength": 1})},
                    **({"example": example[index - variable.start]} if example != [""] else {}),
                }


def _id_pattern(found: Any, field: FieldDescriptor, template: Template, variable: Variable, index: int) -> str | None:
    if index != variable.end - 1:
        return None
    before = template.segments[variable.start : index]
    return rules.tail_pattern(found, field, "".join(f"{segment}/" for segment in before))


def _query_parameters(request: Descriptor, route: Route, schemas: Schemas) -> Iterator[dict[str, Any]]:
    if route.body == "*":
        return
    bound = {variable.field for variable in route.template.variables}
    for path, fields in _leaves(request, (), ()):
        if path in bound or path.split(".")[0] == route.body:
            continue
        schema = schemas.field(fields[-1])
        description = schema.pop("description", None)
        yield {
            "name": ".".join(field.json_name for field in fields),
            "in": "query",
            **({"required": True} if all(schemas.is_required(field) for field in fields) else {}),
            **({"description": description} if description else {}),
            "schema": schema,
        }


def _leaves(
    message: Descriptor, parents: tuple[FieldDescriptor, ...], seen: tuple[Descriptor, ...]
) -> Iterator[tuple[str, tuple[FieldDescriptor, ...]]]:
    """Fields that a query can carry: scalars, enums, text-like messages and lists of them, nested ones by dots."""
    for field in message.fields:
        chain = (*parents, field)
        inner = field.message_type
        if inner is None or WELL_KNOWN.get(inner.full_name, {}).get("type") == "string":
            yield ".".join(link.name for link in chain), chain
        elif not field.is_repeated and inner not in (message, *seen):
            yield from _leaves(inner, chain, (message, *seen))


def _body(request: Descriptor, route: Route, schemas: Schemas, examples: Examples) -> dict[str, Any]:
    if route.body == "*":
        bound = frozenset(variable.field for variable in route.template.variables)
        content = {"schema": schemas.request(request, without=bound), "example": examples.body(request, without=bound)}
        return {"required": True, "content": {"application/json": content}}
    field = request.fields_by_name[route.body]
    description = schemas.field(field).get("description", "")
    resource = _resolve_message(field)
    if "update_mask" in request.fields_by_name:
        content = {"schema": schemas.updated(resource), "example": examples.change(resource)}
    else:
        content = {"schema": schemas.request(resource), "example": examples.body(resource)}
    return {
        **({"description": description} if description else {}),
        "required": schemas.is_required(field),
        "content": {"application/json": content},
    }


def _success(method: Method, route: Route, schemas: Schemas) -> dict[str, Any]:
    output = method.descriptor.output_type
    if output.full_name == "google.api.HttpBody":
        return {"200": {"description": "The document.", "content": {"*/*": {"schema": {}}}}}
    schema = schemas.answer(output)
    if method.descriptor.server_streaming:
        text = "Server-sent events; the data of each is one JSON message of this schema."
        return {"200": {"description": text, "content": {"text/event-stream": {"schema": schema}}}}
    headers: dict[str, Any] = {}
    if "etag" in output.fields_by_name:
        headers["ETag"] = _header("The version of the resource, as in its field etag.")
    content = {"application/json": {"schema": schema}}
    if route.verb == "POST" and not route.template.verb and "name" in output.fields_by_name:
        headers["Location"] = _header("The URL of the new resource.")
        return {"201": {"description": "Created.", "headers": headers, "content": content}}
    return {"200": {"description": "Done.", **({"headers": headers} if headers else {}), "content": content}}


def _header(description: str) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}}


def _idempotency_key() -> dict[str, Any]:
    schema: Schema = {"type": "string", "format": "uuid"}
    description = (
        "Stands for requestId when that is empty: a repeat with the same key returns the first response. A UUID; a "
        "random one (version 4) without a token or with a password: the key alone keeps the response yours then."
    )
    return {"name": "Idempotency-Key", "in": "header", "description": description, "schema": schema}


def _guarded(request: Descriptor) -> bool:
    """Whether a change can be bound to a version: by an etag in the request or, of an update, in its resource."""
    holders = [request]
    if "update_mask" in request.fields_by_name:
        holders += [field.message_type for field in request.fields if field.message_type is not None]
    return any("etag" in holder.fields_by_name for holder in holders)


def _if_match() -> dict[str, Any]:
    schema: Schema = {"type": "string", "maxLength": _LONGEST_ETAG}
    description = "Stands for etag when that is empty: any other version than this is refused with 412 ETAG_MISMATCH."
    return {"name": "If-Match", "in": "header", "description": description, "schema": schema}


def _security(method: Method) -> list[dict[str, list[str]]]:
    token: dict[str, list[str]] = {SECURITY_SCHEME: []}
    return [{}, token] if method.enforced.access in (Access.PUBLIC, Access.HOLDER) else [token]


def access_text(method: Method) -> str:
    """Who may call the method, and its deadline, in a sentence each."""
    policy = method.enforced
    roles = " or ".join(role.lower() for role in policy.roles)
    who = {
        Access.PUBLIC: "anyone",
        Access.HOLDER: "any client that knows the name of a guest's resource; the owner of one that has an owner",
        Access.USER: "any signed-in user",
        Access.OWNER: "the owner" + (f", {roles}" if roles else ""),
        Access.ROLE: roles,
    }[policy.access]
    return f"Access: {who}. Deadline: {policy.timeout.total_seconds():g} s."


def _words(name: str) -> str:
    """`BatchGetBooks` as `Batch get books`: short enough for a side bar."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).capitalize()


def _resolve(message: Descriptor, path: str) -> FieldDescriptor:
    *parents, last = path.split(".")
    for parent in parents:
        message = _resolve_message(message.fields_by_name[parent])
    return message.fields_by_name[last]


def _resolve_message(field: FieldDescriptor) -> Descriptor:
    if field.message_type is None:
        raise ValueError(f"{field.full_name} is not a message")
    return field.message_type
