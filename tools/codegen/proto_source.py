"""Prints a file descriptor as `.proto` source, for packages that ship a descriptor but no source."""

import json
from collections.abc import Iterator, Sequence

from google.protobuf import text_format
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
)
from google.protobuf.message import Message

_INDENT = "  "
_MAX_TAG = 536870912  # exclusive end of an extension range that was written as `max`
_SCALARS = {
    number: name.removeprefix("TYPE_").lower()
    for name, number in FieldDescriptorProto.Type.items()
    if name not in {"TYPE_MESSAGE", "TYPE_ENUM", "TYPE_GROUP"}
}
_LABELS = {
    FieldDescriptorProto.LABEL_OPTIONAL: "optional ",
    FieldDescriptorProto.LABEL_REPEATED: "repeated ",
    FieldDescriptorProto.LABEL_REQUIRED: "required ",
}


def proto_source(file: FileDescriptorProto) -> str:
    """Returns source that compiles to `file`, comments aside.

    Custom options are printed only if their extensions are known to the pool that `file` was parsed with. Covers what
    messages, enums and extensions of proto2 and proto3 need; raises ValueError for services, groups, maps and editions.
    """
    if file.service or file.edition:
        raise ValueError(f"{file.name}: services and editions cannot be printed")
    lines = [f'syntax = "{file.syntax or "proto2"}";', "", f"package {file.package};", ""]
    lines += [f'import "{dependency}";' for dependency in file.dependency]
    lines += [f"option {option};" for option in _options(file.options)]
    lines += _extensions(file.extension, file.syntax)
    for message in file.message_type:
        lines += _message(message, file.syntax)
    for enum in file.enum_type:
        lines += _enum(enum)
    return "\n".join(lines) + "\n"


def _message(message: DescriptorProto, syntax: str) -> Iterator[str]:
    if message.options.map_entry:
        raise ValueError(f"{message.name}: maps cannot be printed")
    yield f"message {message.name} {{"
    body: list[str] = [f"option {option};" for option in _options(message.options)]
    begun: set[int] = set()
    for field in message.field:
        if not _in_oneof(field):
            body += [_field(field, syntax)]
        elif field.oneof_index not in begun:
            begun.add(field.oneof_index)
            body += _oneof(message, field.oneof_index, syntax)
    for span in message.extension_range:
        body += [f"extensions {span.start} to {'max' if span.end == _MAX_TAG else span.end - 1};"]
    for gap in message.reserved_range:
        body += [f"reserved {gap.start} to {'max' if gap.end == _MAX_TAG else gap.end - 1};"]
    body += [f'reserved "{name}";' for name in message.reserved_name]
    body += _extensions(message.extension, syntax)
    for nested in message.nested_type:
        body += _message(nested, syntax)
    for enum in message.enum_type:
        body += _enum(enum)
    yield from (_INDENT + line for line in body)
    yield "}"


def _oneof(message: DescriptorProto, index: int, syntax: str) -> Iterator[str]:
    oneof = message.oneof_decl[index]
    yield f"oneof {oneof.name} {{"
    yield from (f"{_INDENT}option {option};" for option in _options(oneof.options))
    for field in message.field:
        if _in_oneof(field) and field.oneof_index == index:
            yield _INDENT + _field(field, syntax, in_oneof=True)
    yield "}"


def _enum(enum: EnumDescriptorProto) -> Iterator[str]:
    yield f"enum {enum.name} {{"
    yield from (f"{_INDENT}option {option};" for option in _options(enum.options))
    for value in enum.value:
        yield f"{_INDENT}{value.name} = {value.number}{_bracketed(value.options)};"
    for gap in enum.reserved_range:
        yield f"{_INDENT}reserved {gap.start} to {gap.end};"
    yield from (f'{_INDENT}reserved "{name}";' for name in enum.reserved_name)
    yield "}"


def _extensions(fields: Sequence[FieldDescriptorProto], syntax: str) -> Iterator[str]:
    for field in fields:
        yield f"extend {field.extendee} {{"
        yield _INDENT + _field(field, syntax)
        yield "}"


def _in_oneof(field: FieldDescriptorProto) -> bool:
    return field.HasField("oneof_index") and not field.proto3_optional


def _field(field: FieldDescriptorProto, syntax: str, *, in_oneof: bool = False) -> str:
    if field.type == FieldDescriptorProto.TYPE_GROUP:
        raise ValueError(f"{field.name}: groups cannot be printed")
    label = _LABELS[field.label]
    implicit = syntax == "proto3" and label == "optional " and not field.proto3_optional
    kind = field.type_name or _SCALARS[field.type]
    extra = [f"default = {_default(field)}"] if field.HasField("default_value") else []
    prefix = "" if in_oneof or implicit else label
    return f"{prefix}{kind} {field.name} = {field.number}{_bracketed(field.options, extra)};"


def _default(field: FieldDescriptorProto) -> str:
    quoted = field.type in (
        FieldDescriptorProto.TYPE_STRING,
        FieldDescriptorProto.TYPE_BYTES,
    )
    return json.dumps(field.default_value) if quoted else field.default_value


def _bracketed(options: Message, extra: Sequence[str] = ()) -> str:
    parts = [*extra, *_options(options)]
    return f" [{', '.join(parts)}]" if parts else ""


def _options(options: Message) -> Iterator[str]:
    for descriptor, value in options.ListFields():
        name = f"(.{descriptor.full_name})" if descriptor.is_extension else descriptor.name
        for item in value if descriptor.is_repeated else [value]:
            yield f"{name} = {_literal(descriptor, item)}"


def _literal(descriptor: FieldDescriptor, value: object) -> str:
    if isinstance(value, Message):
        return f"{{{text_format.MessageToString(value, as_one_line=True)}}}"
    if descriptor.enum_type is not None and isinstance(value, int):
        return str(descriptor.enum_type.values_by_number[value].name)
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, str) else str(value)
