"""The collector that traces are sent to: whether it can be reached."""

from __future__ import annotations

import os
import urllib.error
import urllib.request
from http import HTTPStatus
from typing import Final

TRACES_PATH: Final = "/v1/traces"
"""Where an OTLP/HTTP endpoint takes spans (OTLP specification, section "OTLP/HTTP Request")."""
_REPLY_SECONDS: Final = 3.0
_UNUSABLE: Final = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED}
)


class CollectorUnavailable(RuntimeError):
    """Spans cannot be delivered; the message says why."""


def probe_collector(endpoint: str, *, timeout: float = _REPLY_SECONDS) -> None:
    """Sends an export without spans, which has no bytes, with the headers that OTEL_EXPORTER_OTLP_HEADERS sets.

    `timeout` in seconds. Raises CollectorUnavailable.
    """
    from opentelemetry.util.re import parse_env_headers  # slow to import

    headers = parse_env_headers(os.environ.get("OTEL_EXPORTER_OTLP_HEADERS", ""), liberal=True)
    request = urllib.request.Request(  # noqa: S310  # the operator's own URL
        endpoint.rstrip("/") + TRACES_PATH,
        data=b"",
        headers={**headers, "Content-Type": "application/x-protobuf"},
        method="POST",
    )
    try:
        urllib.request.urlopen(request, timeout=timeout).close()  # noqa: S310
    except urllib.error.HTTPError as error:
        error.close()
        if error.code in _UNUSABLE or error.code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise CollectorUnavailable(f"it responds to POST {TRACES_PATH} with HTTP {error.code}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", error)
        raise CollectorUnavailable(str(getattr(reason, "strerror", None) or reason)) from None
