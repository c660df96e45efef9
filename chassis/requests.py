"""What requests have in common: names of resources and update masks. What is wrong with them names its field."""

from __future__ import annotations

from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message

from chassis.errors import FieldInvalid
from chassis.kernel import resource_id


def id_in(collection: str, name: str, *, field: str = "name") -> str:
    """The id in the name of a resource of `collection`. Raises FieldInvalid, naming `field`, when there is none."""
    try:
        return resource_id(collection, name)
    except ValueError:
        raise FieldInvalid([(field, f"must be a name of the form {collection}/{{id}}")]) from None


def changed_fields(resource: Message, mask: FieldMask) -> list[str]:
    """The fields of `resource` that an update is to change (AIP-134): those of the mask, all populated ones when it is
    empty.

    Raises FieldInvalid for a path of the mask that is no field of the resource.
    """
    known = resource.DESCRIPTOR
    unknown = [path for path in mask.paths if path not in known.fields_by_name]
    if unknown:
        raise FieldInvalid([("update_mask", f"{path!r} is not a field of {known.name}") for path in unknown])
    return list(mask.paths) or [field.name for field, _ in resource.ListFields()]
