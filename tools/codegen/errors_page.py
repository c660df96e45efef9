"""docs/errors.md: what errors look like, and every reason one can carry, from the enums of the contracts."""

import json
from itertools import groupby

from tools.codegen.contract import Contract
from tools.codegen.openapi.examples import ERROR
from tools.codegen.reasons import HTTP_STATUS, STALE, reasons

_STATUSES = "\n".join(
    f"| {code} | {status}{f'; {STALE[0]} {STALE[1]}' if code == 'ABORTED' else ''} |"
    for code, status in HTTP_STATUS.items()
)
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
{_STATUSES}

The edge answers in HTTP's own terms where a request does not get further: METHOD_NOT_ALLOWED 405, REQUEST_TOO_SLOW 408,
LENGTH_REQUIRED 411, BODY_TOO_LARGE 413, MEDIA_TYPE_UNSUPPORTED 415, PROTOCOL_UNSUPPORTED 426, HEADERS_TOO_LARGE 431.
"""


def errors_page(contract: Contract) -> bytes:
    """The page. Raises ContractError for a reason whose comment does not begin with its code."""
    parts = [_HEAD]
    for domain, found in groupby(reasons(contract), key=lambda reason: reason.domain):
        parts.append(f"\n## {domain}\n\n| reason | code | when |\n|---|---|---|\n")
        parts += (
            f"| {reason.name} | {reason.code} | {reason.when[0].upper()}{reason.when[1:]} |\n" for reason in found
        )
    return "".join(parts).encode()
