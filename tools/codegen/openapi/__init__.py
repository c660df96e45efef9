"""The OpenAPI 3.1 document of the JSON API, derived from the contracts."""

from typing import Any

import yaml

from tools.codegen.contract import Contract
from tools.codegen.error_reasons import reasons
from tools.codegen.openapi.errors import error_response
from tools.codegen.openapi.guide import GUIDE
from tools.codegen.openapi.operations import paths
from tools.codegen.openapi.responses import named_responses
from tools.codegen.openapi.schemas import Schemas

_HEADER = "# Generated from protos/ by `make protos`; do not edit.\n"
_SERVER = {"url": "http://127.0.0.1:8080", "description": "A shop started with `make run` on this machine"}
_TOKEN = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An access token from `POST /v1/sessions`.",
}


def document(contract: Contract) -> dict[str, Any]:
    """The document as plain values. Raises ContractError when two operations or two schemas would share a name."""
    external = [method for method in contract.methods if method.external and method.routes]
    services = {method.descriptor.containing_service.full_name: method for method in external}
    schemas = Schemas(contract, [method.descriptor.output_type for method in external])
    operations = paths(external, schemas, reasons(contract))
    error = error_response(contract, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Bookstore",
            "version": "v1",
            "description": GUIDE,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [_SERVER],
        "tags": [
            {"name": method.descriptor.containing_service.name, "description": contract.comment(name)}
            for name, method in sorted(services.items())
        ],
        "paths": operations,
        "components": {
            "schemas": schemas.components(),
            "responses": named_responses(error),
            "securitySchemes": {"token": _TOKEN},
        },
    }


def openapi(contract: Contract) -> bytes:
    """The document as YAML."""
    text = yaml.dump(document(contract), Dumper=_Readable, sort_keys=False, width=120, allow_unicode=True)
    return (_HEADER + text).encode()


class _Readable(yaml.SafeDumper):
    """Writes text of several lines as a block and repeated values out."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - signature of the base class
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Readable.add_representer(str, _text)
