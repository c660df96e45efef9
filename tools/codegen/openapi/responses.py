"""The errors of each operation: a named response per HTTP status, and at each operation the reasons it can carry."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from http import HTTPStatus
from typing import Any

from tools.codegen.contract import Method
from tools.codegen.error_reasons import Reason, implied, listed

_NAMES = {
    400: "BadRequest",
    401: "Unauthorized",
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    412: "PreconditionFailed",
    429: "TooManyRequests",
    500: "InternalServerError",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}
"""Names of the responses: the phrases of RFC 9110 for each status that a service's error can have."""

_EVERYWHERE = (HTTPStatus.BAD_REQUEST, HTTPStatus.TOO_MANY_REQUESTS)
"""What a client can bring about at any operation; other errors that every RPC can return are left to `default`."""


def named_responses(error: dict[str, Any], methods: Iterable[Method], known: Sequence[Reason]) -> dict[str, Any]:
    """Components: `Error`, the response of every error, and one of the same schema per status that a method has."""
    used = {status for method in methods for status in error_responses(method, known)}
    content = {"application/json": {"schema": error["content"]["application/json"]["schema"]}}
    named = {
        name: {"description": f"An error with the HTTP status {status}.", "content": content}
        for status, name in _NAMES.items()
        if str(status) in used
    }
    return {"Error": error, **named}


def error_responses(method: Method, known: Sequence[Reason]) -> dict[str, Any]:
    """The responses of an operation by status, with the reasons that it can have.

    Raises ContractError as `listed` does.
    """
    by_status: defaultdict[int, list[Reason]] = defaultdict(list)
    everywhere = [one for one in known if one.implied.every_rpc and one.http_status in _EVERYWHERE]
    for reason in (*listed(method, known), *implied(method, known), *everywhere):
        by_status[reason.http_status].append(reason)
    return {
        str(status): {
            "$ref": f"#/components/responses/{_NAMES[status]}",
            "description": "\n".join(f"- `{reason.name}`: {reason.comment}" for reason in found),
        }
        for status, found in sorted(by_status.items())
    }
