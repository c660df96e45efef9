"""A small contract of its own for tests of the chassis, built at import: an event and a request with a secret."""

from __future__ import annotations

from typing import Any

from buf.validate import validate_pb2
from google.api import field_behavior_pb2
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from chassis.v1 import policy_pb2

_PACKAGE = "bookstore.sample.v1"
_Field = descriptor_pb2.FieldDescriptorProto


def _field(
    name: str, number: int, kind: int = _Field.TYPE_STRING, *, of: str = "", many: bool = False, secret: bool = False
) -> descriptor_pb2.FieldDescriptorProto:
    field = _Field(
        name=name,
        number=number,
        type=_Field.Type.ValueType(kind),
        label=_Field.LABEL_REPEATED if many else _Field.LABEL_OPTIONAL,
        type_name=f".{_PACKAGE}.{of}" if of else None,
    )
    if secret:
        options: Any = field.options
        options.Extensions[field_behavior_pb2.field_behavior].append(field_behavior_pb2.INPUT_ONLY)
    return field


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(
        name="bookstore/sample/v1/sample.proto",
        package=_PACKAGE,
        syntax="proto3",
        dependency=[
            "google/api/field_behavior.proto",
            "chassis/v1/policy.proto",
            "buf/validate/validate.proto",
        ],
    )
    file.message_type.add(name="ThingHappened", field=[_field("thing", 1), _field("size", 2, _Field.TYPE_INT64)])
    file.message_type.add(name="ThingForgotten", field=[_field("thing", 1)])
    account = file.message_type.add(
        name="Account",
        field=[
            _field("name", 1),
            _field("password", 2, secret=True),
            _field("parent", 3, _Field.TYPE_MESSAGE, of="Account"),
        ],
    )
    assert account.name == "Account"
    entry = descriptor_pb2.DescriptorProto(
        name="ByNameEntry",
        field=[_field("key", 1), _field("value", 2, _Field.TYPE_MESSAGE, of="Account")],
        options=descriptor_pb2.MessageOptions(map_entry=True),
    )
    file.message_type.add(
        name="CreateAccountsRequest",
        field=[
            _field("request_id", 1),
            _field("account", 2, _Field.TYPE_MESSAGE, of="Account"),
            _field("accounts", 3, _Field.TYPE_MESSAGE, of="Account", many=True),
            _field("by_name", 4, _Field.TYPE_MESSAGE, of="CreateAccountsRequest.ByNameEntry", many=True),
        ],
        nested_type=[entry],
    )
    folders = _field("folders", 2, _Field.TYPE_MESSAGE, of="Folder", many=True)
    limit: Any = folders.options
    limit.Extensions[validate_pb2.field].repeated.max_items = 3
    by_label = _field("by_label", 3, _Field.TYPE_MESSAGE, of="Folder.ByLabelEntry", many=True)
    pairs: Any = by_label.options
    pairs.Extensions[validate_pb2.field].map.max_pairs = 2
    file.message_type.add(
        name="Folder",
        field=[
            _field("name", 1),
            folders,
            by_label,
            _field("parent", 4, _Field.TYPE_MESSAGE, of="Folder"),
            _field("texts", 5, many=True),
        ],
        nested_type=[
            descriptor_pb2.DescriptorProto(
                name="ByLabelEntry",
                field=[_field("key", 1), _field("value", 2, _Field.TYPE_MESSAGE, of="Folder")],
                options=descriptor_pb2.MessageOptions(map_entry=True),
            )
        ],
    )
    page_size = _field("page_size", 1, _Field.TYPE_INT32)
    options: Any = page_size.options
    options.Extensions[policy_pb2.max_page_size] = 70
    file.message_type.add(
        name="ListUncappedRequest", field=[_field("page_size", 1, _Field.TYPE_INT32), _field("page_token", 2)]
    )
    file.message_type.add(
        name="ListThingsRequest",
        field=[
            page_size,
            _field("page_token", 2),
            _field("filter", 3),
            _field("order_by", 4),
        ],
    )
    return file


_pool = descriptor_pool.Default()
_pool.AddSerializedFile(_file().SerializeToString())


def _message(name: str) -> Any:
    return GetMessageClass(_pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))


ThingHappened: type[Message] = _message("ThingHappened")
ThingForgotten: type[Message] = _message("ThingForgotten")
Account: Any = _message("Account")
CreateAccountsRequest: Any = _message("CreateAccountsRequest")
Folder: Any = _message("Folder")
ListThingsRequest: Any = _message("ListThingsRequest")
ListUncappedRequest: Any = _message("ListUncappedRequest")


def thing_happened(thing: str, size: int = 0) -> Message:
    """An event."""
    make: Any = ThingHappened
    event: Message = make(thing=thing, size=size)
    return event
