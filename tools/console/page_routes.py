"""Static pages as Envoy's direct responses: with an ETag, compressed beforehand where that pays."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tools.console.certificates import replace_file

_METHODS: Final = ("GET", "HEAD")
_ALLOWED: Final = "GET, HEAD, OPTIONS"
_WORTH_COMPRESSING: Final = 1400  # bytes: less fits one packet anyway
_ACCEPTS_GZIP: Final = (
    {"name": "accept-encoding", "string_match": {"contains": "gzip"}},
    {
        "name": "accept-encoding",
        "string_match": {"safe_regex": {"regex": r".*gzip\s*;\s*q=0(\.0*)?\s*(,.*)?"}},
        "invert_match": True,
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What a path returns. `security_policy` is its Content-Security-Policy; not `cached`, it has no ETag either."""

    path: str
    media_type: str
    body: bytes
    security_policy: str = ""
    cached: bool = True

    @property
    def tag(self) -> str:
        """The quoted ETag. Sent as a weak one: both encodings share it."""
        return f'"{hashlib.sha256(self.body).hexdigest()[:16]}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirect:
    """A path that has moved for good."""

    path: str
    target: str


def publish(pages: Iterable[Page | Redirect], folder: Path) -> list[object]:
    """Writes the bodies into `folder`, from which Envoy reads them when it starts in its parent. Returns the routes.

    Raises OSError.
    """
    folder.mkdir(parents=True, exist_ok=True)
    routes: list[object] = []
    for page in pages:
        routes += _redirect(page) if isinstance(page, Redirect) else _page(page, folder)
        routes += _other_methods(page.path)
    return routes


def _page(page: Page, folder: Path) -> Iterator[dict[str, Any]]:
    name = page.path.strip("/").replace("/", "-") or "index"
    if page.cached:
        unchanged = {"name": "if-none-match", "string_match": {"safe_regex": {"regex": rf".*{page.tag}.*|\*"}}}
        yield _route(page, f"{page.path} 304", [unchanged], {"status": 304}, {})
    compressed = gzip.compress(page.body, mtime=0) if len(page.body) > _WORTH_COMPRESSING else page.body
    if len(compressed) < len(page.body):
        response = {"status": 200, "body": _body(compressed, folder / f"{name}.gz")}
        yield _route(page, f"{page.path} gzip", _ACCEPTS_GZIP, response, {"content-encoding": "gzip"})
    yield _route(page, page.path, [], {"status": 200, "body": _body(page.body, folder / name)}, {})


def _body(content: bytes, file: Path) -> dict[str, object]:
    replace_file(file, content, mode=0o600)
    return {"filename": f"{file.parent.name}/{file.name}"}


def _route(
    page: Page, name: str, conditions: Sequence[object], response: dict[str, object], more: dict[str, str]
) -> dict[str, Any]:
    headers = {
        "content-type": page.media_type,
        # Always asked for again, which costs a 304: after an update no page meets the script of another release.
        "cache-control": "no-cache" if page.cached else "no-store",
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        **({"etag": f"W/{page.tag}", "vary": "accept-encoding"} if page.cached else {}),
        **({"content-security-policy": page.security_policy} if page.security_policy else {}),
        **more,
    }
    return {
        "name": name,
        "match": _match(page.path, _METHODS, conditions),
        "direct_response": response,
        "response_headers_to_add": _headers(headers),
        "response_headers_to_remove": ["location"],  # Envoy gives one to every 3xx
    }


def _redirect(redirect: Redirect) -> Iterator[dict[str, Any]]:
    yield {
        "name": redirect.path,
        "match": _match(redirect.path, _METHODS, []),
        "direct_response": {"status": 308},
        "response_headers_to_add": _headers({"location": redirect.target}),
    }


def _other_methods(path: str) -> Iterator[dict[str, Any]]:
    allow = _headers({"allow": _ALLOWED})
    for methods, status in ((("OPTIONS",), 204), ((), 405)):
        yield {
            "name": f"{status} {path}",
            "match": _match(path, methods, []),
            "direct_response": {"status": status},
            "response_headers_to_add": allow,
        }


def _match(path: str, methods: tuple[str, ...], conditions: Sequence[object]) -> dict[str, object]:
    verbs = {"name": ":method", "string_match": {"safe_regex": {"regex": "|".join(methods)}}}
    return {"path": path, "headers": [*([verbs] if methods else []), *conditions]}


def _headers(values: dict[str, str]) -> list[dict[str, object]]:
    return [
        {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        for key, value in values.items()
    ]
