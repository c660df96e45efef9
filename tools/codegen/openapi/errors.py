"""Errors: google.rpc.Status with the details that services and the edge send, told apart by `@type`."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, Final

from tools.codegen.contract import Access, Contract, ContractError, Idempotency, Method
from tools.codegen.jwt_requirements import jwt_requirement
from tools.codegen.openapi.examples import ERROR
from tools.codegen.openapi.schemas import Schema, Schemas
from tools.codegen.reasons import Reason, named_by, reasons

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
_RESPONSES: Final = {
    400: ("BadRequest", "The request is not valid, or the state of the resource does not allow it."),
    401: ("Unauthenticated", "The access token is missing, expired or not valid, or the credentials are wrong."),
    403: ("PermissionDenied", "The caller may not do this."),
    404: ("NotFound", "There is no such resource for this caller."),
    409: ("Conflict", "The resource exists already, or something else has changed it."),
    412: ("PreconditionFailed", "The ETag is not the current one: read again, decide again."),
    429: ("TooManyRequests", "Try again later; RetryInfo says when."),
}
"""Name and description of the component for each status that operations name."""


class ErrorResponses:
    """The error responses of operations. Makes the schemas of google.rpc.Status components of `schemas`."""

    def __init__(self, contract: Contract, schemas: Schemas) -> None:
        self._schema = _status(contract, schemas)
        self._by_status: defaultdict[int, list[Reason]] = defaultdict(list)
        for reason in reasons(contract):
            if reason.status is not None:
                self._by_status[reason.status].append(reason)
        self._statuses = {reason.name: status for status, found in self._by_status.items() for reason in found}

    def components(self) -> dict[str, Any]:
        """components/responses: one for each status, with all its reasons, and `Error` for any."""
        text = "An error, as `google.rpc.Status` whose details hold an ErrorInfo with the reason."
        named = {
            name: self._response(f"{sentence}\n\n{_table(self._by_status[status])}", self._example(status))
            for status, (name, sentence) in _RESPONSES.items()
        }
        return {"Error": self._response(text, ERROR), **named}

    def of(self, method: Method) -> dict[str, Any]:
        """The responses of one operation by status. Each names the reasons that this operation gives.

        Raises ContractError for a reason in the method's comment that no contract lists.
        """
        found: defaultdict[int, list[str]] = defaultdict(list)
        for code, name in named_by(method):
            if name not in self._statuses:
                raise ContractError(f"{method.file}: {method.name}: no contract lists the reason {name}")
            found[self._status(code, name)].append(name)
        for status, name in _platform(method):
            if name not in found[status]:
                found[status].append(name)
        return {
            str(status): {
                "$ref": f"#/components/responses/{_RESPONSES[status][0]}",
                "description": ", ".join(f"`{name}`" for name in found[status]),
            }
            for status in sorted(found)
            if status in _RESPONSES
        } | {"default": {"$ref": "#/components/responses/Error"}}

    def _status(self, code: str, name: str) -> int:
        """One name can stand in several contracts, with other codes: the comment says which is meant."""
        return next(
            (
                status
                for status, found in self._by_status.items()
                for one in found
                if (one.name, one.code) == (name, code)
            ),
            self._statuses[name],
        )

    def _example(self, status: int) -> dict[str, Any]:
        if status == 400:  # the one that shows fields
            return ERROR
        reason = self._by_status[status][0]
        info = {"@type": f"{_TYPE_URL}ErrorInfo", "reason": reason.name, "domain": reason.domain, "metadata": {}}
        return {"code": _NUMBERS[reason.code], "message": reason.when, "details": [info]}

    def _response(self, description: str, example: dict[str, Any]) -> dict[str, Any]:
        content = {"schema": self._schema, "example": example}
        return {"description": description, "content": {"application/json": content}}


_NUMBERS: Final = {
    "INVALID_ARGUMENT": 3,
    "NOT_FOUND": 5,
    "ALREADY_EXISTS": 6,
    "PERMISSION_DENIED": 7,
    "RESOURCE_EXHAUSTED": 8,
    "FAILED_PRECONDITION": 9,
    "ABORTED": 10,
    "UNAUTHENTICATED": 16,
}


def _table(found: list[Reason]) -> str:
    rows = "\n".join(f"| {reason.name} | {reason.domain} | {reason.when} |" for reason in found)
    return f"| reason | domain | when |\n|---|---|---|\n{rows}"


def _platform(method: Method) -> Iterator[tuple[int, str]]:
    """The errors that edge and chassis return for a method of this policy."""
    yield from ((400, "FIELD_INVALID"), (400, "REQUEST_MALFORMED"))
    if method.idempotency is Idempotency.IDEMPOTENT and "request_id" in method.descriptor.input_type.fields_by_name:
        yield 400, "REQUEST_ID_REUSED"
    if jwt_requirement(method) in ("required", "sound-if-sent"):
        yield from ((401, "TOKEN_REQUIRED"), (403, "TOKEN_REFUSED"))
    if method.enforced.access is Access.ROLE:
        yield 403, "ROLE_REQUIRED"
    yield 429, "OVERLOADED"


def _status(contract: Contract, schemas: Schemas) -> Schema:
    """A reference to google.rpc.Status, whose details are the ones of this API."""
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
    return reference
