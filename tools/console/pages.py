"""The pages of the shop: what a browser finds at `/`, `/docs` and beside them. envoy/pages/ holds their sources."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from swagger_ui_bundle import swagger_ui_path

from tools.console.errors import Refused
from tools.console.page_routes import Page, Redirect
from tools.console.paths import GENERATED
from tools.console.services import SOURCE

_SOURCES: Final = SOURCE / "envoy" / "pages"
_HTML: Final = "text/html; charset=utf-8"
_JAVASCRIPT: Final = "text/javascript; charset=utf-8"
_SHOWN: Final = "text/plain; charset=utf-8"  # browsers offer YAML for download
_CSS: Final = "text/css; charset=utf-8"
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class PageMissing(Refused):
    """A source of a page cannot be read; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What the first page tells about this shop. `http` and `admin` are URLs, `grpc` is `host:port`.

    `locations` are folders and files by what they hold; shown, like everything for developers, only in development.
    """

    http: str
    grpc: str
    admin: str
    development: bool
    locations: Mapping[str, Path] = field(default_factory=dict)


def pages(shop: Shop, *, generated: Path = GENERATED) -> list[Page | Redirect]:
    """Every page. Raises PageMissing."""
    try:
        return _pages(shop, generated)
    except OSError as error:
        raise PageMissing(
            f"{error.filename} cannot be read ({error.strerror}); `make protos` writes generated parts"
        ) from None


def _pages(shop: Shop, generated: Path) -> list[Page | Redirect]:
    return [
        Page(path="/", media_type=_HTML, body=_first_page(shop, generated), security_policy=_POLICY),
        _html("/docs", _SOURCES / "docs.html"),
        _html("/docs/grpc", generated / "pages" / "grpc.html"),
        Redirect(path="/docs/", target="/docs"),
        Redirect(path="/docs/grpc/", target="/docs/grpc"),
        _file("/openapi.json", "application/json", generated / "openapi" / "bookstore.json"),
        _file("/openapi.yaml", _SHOWN, generated / "openapi" / "bookstore.yaml"),
        _file("/favicon.ico", "image/svg+xml", _SOURCES / "favicon.svg"),
        _file("/assets/pages.css", _CSS, _SOURCES / "pages.css"),
        _file("/assets/status.js", _JAVASCRIPT, _SOURCES / "status.js"),
        _file("/assets/docs.css", _CSS, _SOURCES / "docs.css"),
        _file("/assets/docs.js", _JAVASCRIPT, _SOURCES / "docs.js"),
        _file("/assets/swagger-ui.css", _CSS, swagger_ui_path / "swagger-ui.css"),
        _file("/assets/swagger-ui-bundle.js", _JAVASCRIPT, swagger_ui_path / "swagger-ui-bundle.js"),
        Page(path="/healthz", media_type="application/json", body=_HEALTH, cached=False),
    ]


# Of the edge alone, which returns it without a call. /v1/status asks the services.
_HEALTH: Final = json.dumps({"status": "SERVING", "checked": "edge", "services": "/v1/status"}).encode()


def _html(path: str, source: Path) -> Page:
    return Page(path=path, media_type=_HTML, body=source.read_bytes(), security_policy=_POLICY)


def _file(path: str, media_type: str, source: Path) -> Page:
    return Page(path=path, media_type=media_type, body=source.read_bytes())


def _first_page(shop: Shop, generated: Path) -> bytes:
    processes: list[dict[str, Any]] = json.loads((generated / "pages" / "processes.json").read_bytes())
    environment = Environment(
        loader=FileSystemLoader(_SOURCES), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    locations = {what: str(path) for what, path in shop.locations.items()}
    text = environment.get_template("index.html").render(shop=shop, locations=locations, processes=processes)
    return text.encode()
