"""docs/errors.md: what errors look like, and every reason one can carry, from the enums of the contracts."""

import json
from collections import defaultdict
from collections.abc import Iterator
from itertools import groupby

from tools.codegen.contract import Contract
from tools.codegen.error_reasons import HTTP_STATUS, Reason, listed, reasons
from tools.codegen.openapi.examples import ERROR

_STATUS_ROWS = "\n".join(
    f"| {code} | {status}{'; ETAG_MISMATCH 412' if code == 'ABORTED' else ''} |" for code, status in HTTP_STATUS.items()
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
{_STATUS_ROWS}

The edge answers in HTTP's own terms where a request does not get further: METHOD_NOT_ALLOWED 405, REQUEST_TOO_SLOW 408,
LENGTH_REQUIRED 411, BODY_TOO_LARGE 413, MEDIA_TYPE_UNSUPPORTED 415, PROTOCOL_UNSUPPORTED 426, HEADERS_TOO_LARGE 431.
"""


def errors_page(contract: Contract) -> bytes:
    """The page. Raises ContractError when an RPC lists an error that cannot be."""
    known = reasons(contract)
    users: defaultdict[Reason, list[str]] = defaultdict(list)
    for method in contract.methods:
        for reason in listed(method, known):
            users[reason].append(method.descriptor.name)
    parts = [_HEAD]
    for domain, found in groupby(known, lambda reason: reason.domain):
        parts.append(f"\n## {domain}\n\n| reason | code | metadata | when | returned by |\n|---|---|---|---|---|\n")
        for reason in found:
            by = ", ".join([*_implied(reason), *users[reason]])
            code = reason.code or "none"
            parts.append(f"| {reason.name} | {code} | {reason.metadata} | {reason.comment} | {by} |\n")
    return "".join(parts).encode()


def _implied(reason: Reason) -> Iterator[str]:
    """The RPCs whose contract implies the error, in words."""
    if reason.implied.every_rpc:
        yield "every RPC"
        return
    if reason.implied.request_fields:
        fields = " or ".join(f"`{field}`" for field in sorted(reason.implied.request_fields))
        yield f"RPCs whose request has {fields}"
    if reason.implied.access:
        yield f"RPCs of {', '.join(f'ACCESS_{access}' for access in sorted(reason.implied.access))}"
