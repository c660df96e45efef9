"""docs/errors.md: what errors look like, and every reason one can carry, from the enums of the contracts."""

import json

from tools.codegen.contract import Contract, ContractError
from tools.codegen.openapi.examples import ERROR

_SUFFIX = "ErrorReason"
_HEAD = f"""# Errors

Written by `make protos` from the `*ErrorReason` enums of the contracts.

Every error is a `google.rpc.Status`. Its `google.rpc.ErrorInfo` carries a reason and a domain, which programs compare,
and metadata; `message` is for people and can change. Bad input also carries `google.rpc.BadRequest` with the path of
each field, what may be repeated `google.rpc.RetryInfo`. As JSON:

```json
{json.dumps(ERROR, indent=2)}
```

A field's path is that of the contract: names in snake_case, joined by dots. Of a resource in the body it begins with
the request's field that the body fills: `displayName` of `POST /v1/users` is `user.display_name`.

Over HTTP the status is that of the code:

| code | status |
|---|---|
| INVALID_ARGUMENT | 400 |
| FAILED_PRECONDITION | 400 |
| OUT_OF_RANGE | 400 |
| UNAUTHENTICATED | 401 |
| PERMISSION_DENIED | 403 |
| NOT_FOUND | 404 |
| ALREADY_EXISTS | 409 |
| ABORTED | 409; ETAG_MISMATCH 412 |
| RESOURCE_EXHAUSTED | 429 |
| CANCELLED | 499 |
| UNKNOWN | 500 |
| INTERNAL | 500 |
| DATA_LOSS | 500 |
| UNIMPLEMENTED | 501 |
| UNAVAILABLE | 503 |
| DEADLINE_EXCEEDED | 504 |

The edge answers in HTTP's own terms where a request does not get further: METHOD_NOT_ALLOWED 405, REQUEST_TOO_SLOW 408,
LENGTH_REQUIRED 411, BODY_TOO_LARGE 413, MEDIA_TYPE_UNSUPPORTED 415, PROTOCOL_UNSUPPORTED 426, HEADERS_TOO_LARGE 431.
"""


def errors_page(contract: Contract) -> bytes:
    """The page. Raises ContractError for a reason whose comment does not begin with its code."""
    parts = [_HEAD]
    for file in contract.files.values():
        for enum in file.enum_types_by_name.values():
            if not enum.name.endswith(_SUFFIX):
                continue
            owner = enum.name.removesuffix(_SUFFIX).lower()
            parts.append(f"\n## {owner}.bookstore\n\n| reason | code | when |\n|---|---|---|\n")
            prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
            for value in enum.values[1:]:
                name = f"{file.package}.{enum.name}.{value.name}"
                code, colon, when = " ".join(contract.comment(name).split()).partition(": ")
                if not colon:
                    raise ContractError(f"{file.name}: the comment of {value.name} must begin with a code and a colon")
                parts.append(f"| {value.name.removeprefix(prefix)} | {code} | {when[0].upper()}{when[1:]} |\n")
    return "".join(parts).encode()
