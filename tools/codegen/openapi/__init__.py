"""The OpenAPI 3.1 document of the JSON API, derived from the contracts."""

import json
from typing import Any

import yaml

from tools.codegen.contract import Contract
from tools.codegen.error_reasons import reasons
from tools.codegen.openapi.errors import error_response
from tools.codegen.openapi.examples import Examples
from tools.codegen.openapi.guide import GUIDE
from tools.codegen.openapi.operations import SECURITY_SCHEME, paths
from tools.codegen.openapi.responses import named_responses
from tools.codegen.openapi.schemas import Schemas

_HEADER = "# Generated from protos/ by `make protos`; do not edit.\n"
_SERVER = {"url": "/", "description": "The shop that serves this document"}
_CONTACT = {"name": "The maintainers of the bookstore"}
_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "The `accessToken` of a session: sign up with `POST /v1/users`, then `POST /v1/sessions`.",
}


def document(contract: Contract) -> dict[str, Any]:
    """The document as plain values. Raises ContractError when two operations or two schemas would share a name."""
    external = [method for method in contract.methods if method.external and method.routes]
    services = {method.descriptor.containing_service.full_name: method for method in external}
    schemas = Schemas(contract, [method.descriptor.output_type for method in external])
    known = reasons(contract)
    operations = paths(external, schemas, Examples(contract), known)
    error = error_response(contract, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Bookstore",
            "version": "v1",
            "description": GUIDE,
            "contact": _CONTACT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [_SERVER],
        "tags": [
            {
                "name": method.descriptor.containing_service.name,
                "description": contract.comment(name).split("\n\n", maxsplit=1)[0],
            }
            for name, method in sorted(services.items())
        ],
        "paths": operations,
        "components": {
            "schemas": schemas.components(),
            "responses": named_responses(error, external, known),
            "securitySchemes": {SECURITY_SCHEME: _TOKEN},
        },
    }


def openapi(contract: Contract) -> dict[str, bytes]:
    """The document as YAML, to be read, and as JSON, by file extension."""
    values = document(contract)
    text = yaml.dump(values, Dumper=_Readable, sort_keys=False, width=120, allow_unicode=True)
    compact = json.dumps(values, ensure_ascii=False, separators=(",", ":"))
    return {"yaml": (_HEADER + text).encode(), "json": f"{compact}\n".encode()}


class _Readable(yaml.SafeDumper):
    """Writes text of several lines as a block, text that begins like a number in quotes, and repeated values out."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - signature of the base class
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    quoted = "'" if text[:1].isdigit() else None  # YAML 1.2 takes more for numbers than this dumper's 1.1
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else quoted)


_Readable.add_representer(str, _text)
