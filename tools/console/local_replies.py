"""Envoy's own replies: the JSON listener's in the shape of google.rpc.Status, all with the headers browsers need."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final

from google.rpc import code_pb2, error_details_pb2

DOMAIN: Final = "edge.bookstore"
"""ErrorInfo.domain of Envoy's own replies."""
_UNLISTED: Final[Mapping[str, Any]] = {
    "status": 400,
    "code": 2,
    "reason": "EDGE_REFUSED",
    "message": "the edge replied %RESPONSE_CODE%",
}


def json_replies(rows: Sequence[Mapping[str, Any]], headers: Sequence[object]) -> dict[str, object]:
    """`local_reply_config` of the JSON listener from the rows of local_replies.yaml.

    Successes, redirects and pages keep the body that their route gives. `headers` go on every reply: some are made
    before any filter sees the request.
    """
    as_it_is = {"text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"}}
    return {
        "mappers": [
            _mapper("LE", HTTPStatus.BAD_REQUEST - 1, body=as_it_is, headers=headers),
            *(_mapper("EQ", row["status"], body=_status(row), headers=[*headers, *_retry_after(row)]) for row in rows),
            _mapper("GE", _UNLISTED["status"], body=_status(_UNLISTED), headers=headers),
        ]
    }


def grpc_replies(rows: Sequence[Mapping[str, Any]], headers: Sequence[object]) -> dict[str, object]:
    """`local_reply_config` of the gRPC listener: Connect's form of the same rows for calls that connect.lua has noted.

    Envoy itself writes the replies to gRPC and gRPC-Web. `headers` go on every reply.
    """
    noted = {
        "metadata_filter": {
            "matcher": {"filter": "bookstore", "path": [{"key": "connect"}], "value": {"bool_match": True}},
            "match_if_key_not_found": False,
        }
    }
    return {
        "mappers": [
            *(
                _mapper("EQ", row["status"], noted, body=_connect(row), headers=[*headers, *_retry_after(row)])
                for row in rows
            ),
            _mapper("GE", HTTPStatus.CONTINUE, body=None, headers=headers),
        ]
    }


def _mapper(
    op: str, status: int, condition: object = None, *, body: object | None, headers: Sequence[object]
) -> dict[str, object]:
    comparison = {"op": op, "value": {"default_value": int(status), "runtime_key": f"edge.replies.{op}.{int(status)}"}}
    by_status: object = {"status_code_filter": {"comparison": comparison}}
    return {
        "filter": {"and_filter": {"filters": [by_status, condition]}} if condition else by_status,
        **({} if body is None else {"body_format_override": body}),
        "headers_to_add": list(headers),
    }


def _connect(row: Mapping[str, Any]) -> dict[str, object]:
    """The error of a unary call: https://connectrpc.com/docs/protocol#error-end-stream."""
    info = error_details_pb2.ErrorInfo(reason=row["reason"], domain=DOMAIN)
    value = b64encode(info.SerializeToString()).rstrip(b"=").decode()
    return {
        "content_type": "application/json",
        "json_format": {
            "code": code_pb2.Code.Name(row["code"]).lower(),
            "message": row["message"],
            "details": [{"type": info.DESCRIPTOR.full_name, "value": value}],
        },
    }


def _retry_after(row: Mapping[str, Any]) -> list[object]:
    if "retry_after" not in row:
        return []
    header = {"key": "retry-after", "value": row["retry_after"].removesuffix("s")}
    return [{"header": header, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}]


def _status(row: Mapping[str, Any]) -> dict[str, object]:
    """google.rpc.Status. `cause` is Envoy's word for what the client did, as jwt_authn_access_denied{Jwt_is_expired}.

    What goes wrong behind the edge is not told.
    """
    error_info: dict[str, object] = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": row["reason"],
        "domain": DOMAIN,
    }
    if row["status"] < HTTPStatus.INTERNAL_SERVER_ERROR:
        error_info["metadata"] = {"cause": "%RESPONSE_CODE_DETAILS%"}
    details: list[dict[str, object]] = [
        error_info,
        {"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": "%REQ(X-REQUEST-ID)%"},
    ]
    if "retry_after" in row:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": row["retry_after"]})
    return {
        "content_type": "application/json",
        "json_format": {"code": row["code"], "message": row["message"], "details": details},
    }
