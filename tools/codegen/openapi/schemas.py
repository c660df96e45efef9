"""Messages and fields as JSON Schema, after the JSON mapping of Protocol Buffers (protobuf.dev, ProtoJSON).

What is sent and what is answered differ: an answer has every field without presence, for the transcoder prints zeros,
while a request may leave most of them out. A message that both need has two schemas, `Money` and `MoneyInput`.
"""

from collections.abc import Iterable
from enum import Enum, auto
from itertools import combinations
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from tools.codegen.contract import OWN_ROOTS, Contract, ContractError
from tools.codegen.openapi import rules

Schema = dict[str, Any]


class Side(Enum):
    """Which way a message goes."""

    REQUEST = auto()
    ANSWER = auto()


_RULES = "buf.validate.field"
_BEHAVIOR = "google.api.field_behavior"
# The name of a resource is given by its path or made by the server; an update with another one in its body is refused.
_NEVER = {Side.REQUEST: frozenset({"OUTPUT_ONLY", "IDENTIFIER"}), Side.ANSWER: frozenset({"INPUT_ONLY"})}
_INT32: Schema = {"type": "integer", "format": "int32"}
_UINT32: Schema = {"type": "integer", "format": "uint32", "minimum": 0}
_INT64: Schema = {"type": "string", "format": "int64"}
_UINT64: Schema = {"type": "string", "format": "uint64"}
_SCALARS: dict[int, Schema] = {
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.TYPE_FLOAT: {"type": "number", "format": "float"},
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_INT32: _INT32,
    FieldDescriptor.TYPE_SINT32: _INT32,
    FieldDescriptor.TYPE_SFIXED32: _INT32,
    FieldDescriptor.TYPE_UINT32: _UINT32,
    FieldDescriptor.TYPE_FIXED32: _UINT32,
    FieldDescriptor.TYPE_INT64: _INT64,
    FieldDescriptor.TYPE_SINT64: _INT64,
    FieldDescriptor.TYPE_SFIXED64: _INT64,
    FieldDescriptor.TYPE_UINT64: _UINT64,
    FieldDescriptor.TYPE_FIXED64: _UINT64,
}
_OBJECT: Schema = {"type": "object"}
WELL_KNOWN: dict[str, Schema] = {
    "google.api.HttpBody": {},
    "google.protobuf.Any": {
        "type": "object",
        "properties": {"@type": {"type": "string", "description": "Type URL of the message in the other fields."}},
        "required": ["@type"],
    },
    "google.protobuf.Duration": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]{1,9})?s$"},
    "google.protobuf.Empty": _OBJECT,
    "google.protobuf.FieldMask": {"type": "string", "description": "Field paths in lowerCamelCase joined by commas."},
    "google.protobuf.ListValue": {"type": "array"},
    "google.protobuf.Struct": _OBJECT,
    "google.protobuf.Timestamp": {"type": "string", "format": "date-time"},
    "google.protobuf.Value": {},
}


class Schemas:
    """Turns types into schemas; each message and enum that was asked for becomes a component.

    `answers` are the messages that operations answer.
    """

    def __init__(self, contract: Contract, answers: Iterable[Descriptor]) -> None:
        self._contract = contract
        self._answered: set[str] = set()
        for answer in answers:
            self._note(answer)
        self._components: dict[str, Schema] = {}
        self._owners: dict[str, str] = {}

    def components(self) -> dict[str, Schema]:
        """All components met so far, by name."""
        return dict(sorted(self._components.items()))

    def component(self, reference: Schema) -> Schema:
        """The component that a reference leads to, to be completed."""
        return self._components[reference["$ref"].rpartition("/")[2]]

    def answer(self, descriptor: Descriptor) -> Schema:
        """A reference to the message as it is answered."""
        return self._message(descriptor, Side.ANSWER)

    def request(self, descriptor: Descriptor, *, without: frozenset[str] = frozenset()) -> Schema:
        """A reference to the message as it is sent. `without` names the fields that a request has in its path."""
        return self._message(descriptor, Side.REQUEST, without)

    def updated(self, resource: Descriptor) -> Schema:
        """A reference to the resource as the body of an Update method: nothing is required."""
        name = self._claim(resource, "Update")
        if name not in self._components:
            self._components[name] = self._object(resource, Side.REQUEST, frozenset())
            self._components[name].pop("required", None)
        return _reference(name)

    def field(self, field: FieldDescriptor, side: Side = Side.REQUEST) -> Schema:
        """The schema of a field with its comment and behaviour and, in a request, its rules."""
        found = self.rules(field) if side is Side.REQUEST else None
        schema = self._value(field, found, side)
        text = [self._comment(field), *(f"Rule: {rule}." for rule in rules.sentences(found))]
        if any(text):
            schema["description"] = "\n\n".join(filter(None, text))
        behavior = self._behavior(field)
        if "OUTPUT_ONLY" in behavior:
            schema["readOnly"] = True
        if "INPUT_ONLY" in behavior:
            schema["writeOnly"] = True
        return schema

    def is_required(self, field: FieldDescriptor) -> bool:
        """Whether a request without the field is refused."""
        return "REQUIRED" in self._behavior(field) or rules.is_required(self.rules(field))

    def rules(self, field: FieldDescriptor) -> Any:
        """The field's buf.validate.FieldRules, or None."""
        return self._contract.option(field, _RULES)

    def _note(self, descriptor: Descriptor) -> None:
        if descriptor.full_name not in self._answered:
            self._answered.add(descriptor.full_name)
            for field in descriptor.fields:
                if field.message_type is not None:
                    self._note(field.message_type)

    def _message(self, descriptor: Descriptor, side: Side, without: frozenset[str] = frozenset()) -> Schema:
        if descriptor.full_name in WELL_KNOWN:
            return dict(WELL_KNOWN[descriptor.full_name])
        both = side is Side.REQUEST and descriptor.full_name in self._answered
        name = self._claim(descriptor, "Input" if both else "")
        if name not in self._components:
            self._components[name] = {}  # for messages that hold themselves
            self._components[name] = self._object(descriptor, side, without)
        return _reference(name)

    def _value(self, field: FieldDescriptor, found: Any, side: Side) -> Schema:
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            value = field.message_type.fields_by_name["value"]
            return {"type": "object", "additionalProperties": self._single(value, side), **rules.keywords(found)}
        if field.is_repeated:
            items = {**self._single(field, side), **rules.keywords(rules.item_rules(found))}
            return {"type": "array", "items": items, **rules.keywords(found)}
        return {**self._single(field, side), **rules.keywords(found)}

    def _single(self, field: FieldDescriptor, side: Side) -> Schema:
        if field.message_type is not None:
            return self._message(field.message_type, side)
        if field.enum_type is not None:
            return self._enum(field.enum_type)
        return dict(_SCALARS[field.type])

    def _object(self, descriptor: Descriptor, side: Side, without: frozenset[str]) -> Schema:
        absent = _NEVER[side]
        fields = [f for f in descriptor.fields if f.name not in without and absent.isdisjoint(self._behavior(f))]
        schema: Schema = {"type": "object"}
        comment = self._comment(descriptor)
        if comment:
            schema["description"] = comment
        if fields:
            schema["properties"] = {field.json_name: self.field(field, side) for field in fields}
        printed = side is Side.ANSWER
        required = [f.json_name for f in fields if self.is_required(f) or (printed and not f.has_presence)]
        if required:
            schema["required"] = required
        exclusive = [
            {"not": {"required": [one.json_name, other.json_name]}}
            for oneof in descriptor.oneofs
            for one, other in combinations(oneof.fields, 2)
        ]
        if exclusive:
            schema["allOf"] = exclusive
        return schema

    def _enum(self, descriptor: EnumDescriptor) -> Schema:
        name = self._claim(descriptor)
        if name not in self._components:
            lines = [self._contract.comment(descriptor.full_name), ""]
            lines += [
                f"- `{value.name}`: {' '.join(self._contract.comment(f'{descriptor.full_name}.{value.name}').split())}"
                for value in descriptor.values
            ]
            self._components[name] = {
                "type": "string",
                "description": "\n".join(lines).strip(),
                "enum": [value.name for value in descriptor.values],
            }
        return _reference(name)

    def _claim(self, descriptor: Descriptor | EnumDescriptor, suffix: str = "") -> str:
        """The component's name: the type's own and those around it. Raises ContractError when two types want it."""
        package = descriptor.file.package
        prefix = "Rpc" if package == "google.rpc" else ""  # Status, Help and the like mean other things in a shop
        name = prefix + descriptor.full_name.removeprefix(f"{package}.").replace(".", "") + suffix
        if self._owners.setdefault(name, descriptor.full_name) != descriptor.full_name:
            raise ContractError(f"{descriptor.full_name} and {self._owners[name]} both want the schema name {name}")
        return name

    def _comment(self, element: Descriptor | FieldDescriptor) -> str:
        """The comment; of foreign types, whose comments address other readers, the first paragraph."""
        comment = self._contract.comment(element.full_name)
        return comment if element.full_name.startswith(OWN_ROOTS) else comment.split("\n\n", maxsplit=1)[0]

    def _behavior(self, field: FieldDescriptor) -> set[str]:
        values = self._contract.option(field, _BEHAVIOR)
        names = self._contract.enum_values("google.api.FieldBehavior")
        return {names[number] for number in values or ()}


def _reference(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
