"""Errors: google.rpc.Status with the details that services and the edge send, told apart by `@type`."""

from typing import Any

from tools.codegen.contract import Contract
from tools.codegen.openapi.examples import ERROR
from tools.codegen.openapi.schemas import Schema, Schemas

_TYPE_URL = "type.googleapis.com/google.rpc."
# With the fields that each has, whoever sends it: the edge leaves out what is empty.
_DETAILS = {
    "ErrorInfo": ["reason", "domain"],
    "BadRequest": ["fieldViolations"],
    "PreconditionFailure": ["violations"],
    "RetryInfo": ["retryDelay"],
    "RequestInfo": ["requestId"],
}
_VIOLATION = ["field", "description"]


def error_response(contract: Contract, schemas: Schemas) -> dict[str, Any]:
    """The response of every error. Its schemas become components of `schemas`."""
    reference = schemas.answer(contract.message("google.rpc.Status"))
    mapping: dict[str, str] = {}
    for kind, fields in _DETAILS.items():
        url = f"{_TYPE_URL}{kind}"
        found = schemas.answer(contract.message(f"google.rpc.{kind}"))
        mapping[url] = found["$ref"]
        detail = schemas.component(found)
        detail["properties"] = {"@type": {"type": "string", "const": url}, **detail["properties"]}
        detail["required"] = ["@type", *fields]
    violation = schemas.answer(contract.message("google.rpc.BadRequest.FieldViolation"))
    schemas.component(violation)["required"] = _VIOLATION
    items: Schema = {
        "oneOf": [{"$ref": reference} for reference in mapping.values()],
        "discriminator": {"propertyName": "@type", "mapping": mapping},
    }
    schemas.component(reference)["properties"]["details"]["items"] = items
    return {
        "description": "An error, as `google.rpc.Status` whose details hold an ErrorInfo with the reason.",
        "content": {"application/json": {"schema": reference, "example": ERROR}},
    }
