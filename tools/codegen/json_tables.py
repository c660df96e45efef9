"""The tables in front of envoy/strict.lua: what the JSON body of each route may hold.

A field is a row of its name, its JSON name and what one value looks like (`kind`): a word for the form that ProtoJSON
gives it, or the full name of a message. `list` and `map` give the most items or entries, `key` the form
of a map's keys where they are no strings, `oneof` the group of which one field can be set.
Source of the forms: the JSON mapping in the language guide of Protocol Buffers.
"""

from collections.abc import Iterable, Iterator, Mapping

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tools.codegen.contract import Contract, ContractError, Method
from tools.codegen.sizes import FOREIGN_LIMIT, is_map, stated_limit

_HEADER = "-- Generated from protos/ by `make protos`; do not edit.\n"
_WELL_KNOWN = {
    "google.protobuf.Any": "packed",
    "google.protobuf.BoolValue": "boolean",
    "google.protobuf.BytesValue": "bytes",
    "google.protobuf.DoubleValue": "number",
    "google.protobuf.Duration": "duration",
    "google.protobuf.FieldMask": "field_mask",
    "google.protobuf.FloatValue": "number",
    "google.protobuf.Int32Value": "integer",
    "google.protobuf.Int64Value": "integer",
    "google.protobuf.ListValue": "array",
    "google.protobuf.StringValue": "string",
    "google.protobuf.Struct": "object",
    "google.protobuf.Timestamp": "timestamp",
    "google.protobuf.UInt32Value": "integer",
    "google.protobuf.UInt64Value": "integer",
    "google.protobuf.Value": "any",
}
_SCALARS = {
    FieldDescriptor.CPPTYPE_BOOL: "boolean",
    FieldDescriptor.CPPTYPE_DOUBLE: "number",
    FieldDescriptor.CPPTYPE_ENUM: "enum",
    FieldDescriptor.CPPTYPE_FLOAT: "number",
    FieldDescriptor.CPPTYPE_INT32: "integer",
    FieldDescriptor.CPPTYPE_INT64: "integer",
    FieldDescriptor.CPPTYPE_STRING: "string",
    FieldDescriptor.CPPTYPE_UINT32: "integer",
    FieldDescriptor.CPPTYPE_UINT64: "integer",
}
_PACKED = _WELL_KNOWN["google.protobuf.Any"]
_WHOLE_REQUEST = "*"
_RAW = "google.api.HttpBody"


def strict_tables(contract: Contract) -> bytes:
    """The file in front of envoy/strict.lua. Raises ContractError for an RPC whose routes differ in their body."""
    bodies: dict[str, str] = {}
    waiting: list[Descriptor] = []
    for method in contract.methods:
        # A client stream is no single JSON value, and HttpBody takes any bytes.
        raw = method.descriptor.client_streaming or method.descriptor.input_type.full_name == _RAW
        if method.external and method.routes and not raw:
            bodies[method.name], messages = _body(contract, method)
            waiting += messages
    return _lua(
        _table("MESSAGES", "The fields of each message that a body can hold.", _messages(contract, waiting)),
        _table(
            "FORMS", "The forms of the well-known types.", {name: f'"{form}"' for name, form in _WELL_KNOWN.items()}
        ),
        _table("BODIES", "What fills the body of a route, by its name; false: it takes none.", bodies),
    )


def _body(contract: Contract, method: Method) -> tuple[str, list[Descriptor]]:
    """What fills the body, and the messages in it."""
    request = method.descriptor.input_type
    body, *others = {route.body for route in method.routes}
    if others:
        raise ContractError(f"{method.file}: {method.name}: its routes must have the same body")
    if not body:
        return "false", []
    if body == _WHOLE_REQUEST:
        return f'{{kind = "{request.full_name}"}}', [request]
    field = request.fields_by_name[body]
    return _row(contract, field), _held([field])


def _messages(contract: Contract, waiting: list[Descriptor]) -> Mapping[str, str]:
    """The rows of each message and of all that they hold, at any depth."""
    rows: dict[str, str] = {}
    while waiting:
        message = waiting.pop()
        if message.full_name not in rows:
            fields = "".join(f"    {_row(contract, field)},\n" for field in message.fields)
            rows[message.full_name] = f"{{\n{fields}  }}"
            waiting += _held(message.fields)
            if any(_kind(_value(field)) == _PACKED for field in message.fields):
                waiting += _all_messages(contract)
    return rows


def _all_messages(contract: Contract) -> list[Descriptor]:
    """What an Any can hold: every message of ours."""
    found: list[Descriptor] = []
    waiting = [message for file in contract.files.values() for message in file.message_types_by_name.values()]
    while waiting:
        message = waiting.pop()
        if not message.GetOptions().map_entry:
            found.append(message)
            waiting += message.nested_types
    return found


def _held(fields: Iterable[FieldDescriptor]) -> list[Descriptor]:
    values = [_value(field).message_type for field in fields]
    return [message for message in values if message is not None and message.full_name not in _WELL_KNOWN]


def _value(field: FieldDescriptor) -> FieldDescriptor:
    """The field whose type is that of one value: of a map its values, else the field itself."""
    message = field.message_type
    return message.fields_by_name["value"] if message is not None and is_map(field) else field


def _row(contract: Contract, field: FieldDescriptor) -> str:
    facts = [f'"{field.name}"', f'"{field.json_name}"', f'kind = "{_kind(_value(field))}"']
    if field.is_repeated:
        limit = stated_limit(contract, field)
        shape = "map" if is_map(field) else "list"
        facts.append(f"{shape} = {FOREIGN_LIMIT if limit is None else limit}")
    if field.message_type is not None and is_map(field):
        key = _kind(field.message_type.fields_by_name["key"])
        facts += [f'key = "{key}"'] if key != "string" else []
    group = field.containing_oneof
    if group is not None and len(group.fields) > 1:
        facts.append(f'oneof = "{group.name}"')
    return "{" + ", ".join(facts) + "}"


def _kind(field: FieldDescriptor) -> str:
    message = field.message_type
    if field.type == FieldDescriptor.TYPE_BYTES:
        return "bytes"
    if message is None:
        return _SCALARS[field.cpp_type]
    return _WELL_KNOWN.get(message.full_name, str(message.full_name))


def _table(name: str, comment: str, rows: Mapping[str, str]) -> Iterator[str]:
    yield f"-- {comment}"
    yield f"local {name} = {{"
    yield from (f'  ["{key}"] = {value},' for key, value in sorted(rows.items()))
    yield "}"


def _lua(*tables: Iterable[str]) -> bytes:
    lines = [line for table in tables for line in ("", *table)]
    return (_HEADER + "\n".join(lines[1:]) + "\n").encode()
