"""Example requests, put together from the examples that rules of single fields carry, and an example of an error."""

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tools.codegen.contract import OWN_ROOTS, Contract, ContractError
from tools.codegen.openapi.rules import item_rules

_RULES = "buf.validate.field"
_BEHAVIOR = "google.api.field_behavior"
_REFERENCE = "google.api.resource_reference"
_RESOURCE = "google.api.resource"
_NEVER_SENT = frozenset({"OUTPUT_ONLY", "IDENTIFIER"})
_FOREIGN: Final[Mapping[str, Any]] = {  # the price of one copy of the book that Book.name gives as an example
    "google.type.Date": {"year": 2003, "month": 5},
    "google.type.Money": {"currencyCode": "EUR", "units": "9", "nanos": 990_000_000},
    "google.type.PostalAddress": {
        "regionCode": "DE",
        "postalCode": "10115",
        "locality": "Berlin",
        "addressLines": ["Invalidenstr. 1"],
        "recipients": ["Nora"],
    },
}

_MISTAKE = "must be a name of the form books/{id}, matching `^books/[a-z0-9-]{1,64}$`"
ERROR: Final[dict[str, Any]] = {
    "code": 3,
    "message": f"book: {_MISTAKE}",
    "details": [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "FIELD_INVALID",
            "domain": "platform.bookstore",
            "metadata": {},
        },
        {
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "fieldViolations": [{"field": "book", "description": _MISTAKE, "reason": "FIELD_INVALID"}],
        },
    ],
}
"""The answer to an item whose book is `9780140449266`, without its collection."""


class Examples:
    """Examples by the contract: of a field what its rules give, or what a resource of its type is named."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        self._behaviors = contract.enum_values("google.api.FieldBehavior")
        self._names = dict(self._resources())

    def body(self, message: Descriptor, *, without: frozenset[str] = frozenset()) -> dict[str, Any]:
        """The message as JSON: every required field, and the others that have an example. `without` names fields.

        Raises ContractError when a required field has none.
        """
        found: dict[str, Any] = {}
        chosen: set[str] = set()  # of a oneof, its first field
        for field in message.fields:
            oneof = field.containing_oneof
            if field.name in without or _NEVER_SENT & self._behavior(field):
                continue
            if oneof is not None and len(oneof.fields) > 1 and oneof.name in chosen:
                continue
            value = self.field(field)
            if value is not None:
                found[str(field.json_name)] = value
                chosen |= {oneof.name} if oneof is not None else set()
            elif "REQUIRED" in self._behavior(field):
                raise ContractError(
                    f"{message.file.name}: {field.full_name} is required and its rules give no `example`"
                )
        return found

    def change(self, resource: Descriptor) -> dict[str, Any]:
        """A change of the resource as JSON: its first field alone."""
        return dict(list(self.body(resource).items())[:1])

    def field(self, field: FieldDescriptor) -> Any:
        """The JSON value of a field, in a list if it is repeated, or None if nothing gives an example."""
        rules = self._contract.option(field, _RULES)
        single = self._single(field, item_rules(rules) if field.is_repeated else rules)
        if single is None or not field.is_repeated:
            return single
        return [single]

    def _single(self, field: FieldDescriptor, rules: Any) -> Any:
        message = field.message_type
        if message is not None:
            return self._message(message, required="REQUIRED" in self._behavior(field))
        kind = rules.WhichOneof("type") if rules is not None else None
        given = getattr(getattr(rules, kind), "example", ()) if kind is not None else ()
        if given:
            return given[0]
        reference = self._contract.option(field, _REFERENCE)
        if reference is not None:
            return self._names.get(reference.type)
        if field.enum_type is not None and "REQUIRED" in self._behavior(field):
            return field.enum_type.values[1].name  # the first is UNSPECIFIED
        return None

    def _message(self, message: Descriptor, *, required: bool) -> Any:
        if message.full_name in _FOREIGN or not message.full_name.startswith(OWN_ROOTS):
            return _FOREIGN.get(message.full_name)
        try:
            return self.body(message) or None
        except ContractError:
            if required:
                raise
            return None

    def _resources(self) -> Any:
        for file in self._contract.files.values():
            for message in file.message_types_by_name.values():
                resource = self._contract.option(message, _RESOURCE)
                name = message.fields_by_name.get("name")
                rules = self._contract.option(name, _RULES) if resource is not None and name is not None else None
                if rules is not None and rules.string.example:
                    yield resource.type, rules.string.example[0]

    def _behavior(self, field: FieldDescriptor) -> set[str]:
        return {self._behaviors[number] for number in self._contract.option(field, _BEHAVIOR) or ()}
