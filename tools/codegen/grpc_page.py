"""The gRPC reference of the edge, as HTML, and what the first page tells about each process."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from tools.codegen.contract import OWN_ROOTS, Contract, Method
from tools.codegen.openapi.operations import access_text

_BEHAVIOR = "google.api.field_behavior"
_SHOWN = {"REQUIRED": "required", "OUTPUT_ONLY": "output only", "INPUT_ONLY": "input only", "IDENTIFIER": "identifier"}
_SCALARS = {
    getattr(FieldDescriptor, name): name.removeprefix("TYPE_").lower()
    for name in dir(FieldDescriptor)
    if name.startswith("TYPE_")
}
_CODE = re.compile(r"`([^`]+)`")


def processes(contract: Contract) -> bytes:
    """JSON: each process with the services it serves to clients and the first sentence of their comments."""
    served: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for method in _external(contract):
        served[method.served_by][method.service] = first_sentence(contract.comment(method.service))
    rows = [
        {"name": name, "services": [{"name": service, "summary": text} for service, text in services.items()]}
        for name, services in sorted(served.items())
    ]
    return (json.dumps(rows, indent=2, ensure_ascii=False) + "\n").encode()


def grpc_page(contract: Contract) -> bytes:
    """The page: services, methods with their HTTP routes and policies, and every message and enum they lead to."""
    methods = list(_external(contract))
    types = _Types()
    for method in methods:
        types.add(method.descriptor.input_type)
        types.add(method.descriptor.output_type)
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["comment"] = _paragraphs
    text = environment.get_template("grpc_page.html").render(
        services=[
            {"name": name, "comment": contract.comment(name), "methods": [_method(method) for method in group]}
            for name, group in groupby(methods, key=lambda method: method.service)
        ],
        messages=[_message(contract, descriptor) for _, descriptor in sorted(types.messages.items())],
        enums=[_enum(contract, descriptor) for _, descriptor in sorted(types.enums.items())],
    )
    return text.encode()


def first_sentence(comment: str) -> str:
    """The first sentence of a comment, without its full stop."""
    return " ".join(comment.split("\n\n", maxsplit=1)[0].split()).split(". ", maxsplit=1)[0].rstrip(".")


def _external(contract: Contract) -> Iterable[Method]:
    return (method for method in contract.methods if method.external)


class _Types:
    """Collects messages and enums with all that their fields lead to."""

    def __init__(self) -> None:
        self.messages: dict[str, Descriptor] = {}
        self.enums: dict[str, EnumDescriptor] = {}

    def add(self, message: Descriptor) -> None:
        if message.full_name in self.messages:
            return
        if not message.GetOptions().map_entry:
            self.messages[message.full_name] = message
        for field in message.fields:
            if field.message_type is not None:
                self.add(field.message_type)
            if field.enum_type is not None:
                self.enums[field.enum_type.full_name] = field.enum_type


def _method(method: Method) -> dict[str, Any]:
    descriptor = method.descriptor
    return {
        "name": descriptor.name,
        "full_name": descriptor.full_name,
        "comment": method.comment,
        "input": descriptor.input_type.full_name,
        "output": descriptor.output_type.full_name,
        "client_streaming": descriptor.client_streaming,
        "server_streaming": descriptor.server_streaming,
        "access": access_text(method),
        "routes": [f"{route.verb} {route.template.source}" for route in method.routes],
    }


def _message(contract: Contract, descriptor: Descriptor) -> dict[str, Any]:
    return {
        "name": descriptor.full_name,
        "comment": _comment(contract, descriptor.full_name),
        "fields": [_field(contract, field, descriptor.file.package) for field in descriptor.fields],
    }


def _field(contract: Contract, field: FieldDescriptor, package: str) -> dict[str, Any]:
    names = contract.enum_values("google.api.FieldBehavior")
    behavior = [names[number] for number in contract.option(field, _BEHAVIOR) or ()]
    return {
        "name": field.name,
        "number": field.number,
        "type": _type(field, package),
        "notes": ", ".join(_SHOWN[name] for name in behavior if name in _SHOWN),
        "comment": _comment(contract, field.full_name),
    }


def _type(field: FieldDescriptor, package: str) -> Markup:
    entry = field.message_type
    if entry is not None and entry.GetOptions().map_entry:
        key, value = entry.fields_by_name["key"], entry.fields_by_name["value"]
        return Markup("map&lt;{}, {}&gt;").format(_type(key, package), _type(value, package))
    owner = entry or field.enum_type
    if owner is None:
        single = escape(_SCALARS[field.type])
    else:
        short = owner.full_name.removeprefix(f"{package}.")
        single = Markup('<a href="#{}">{}</a>').format(owner.full_name, short)
    return Markup("repeated {}").format(single) if field.is_repeated else single


def _enum(contract: Contract, descriptor: EnumDescriptor) -> dict[str, Any]:
    return {
        "name": descriptor.full_name,
        "comment": _comment(contract, descriptor.full_name),
        "values": [
            {
                "name": value.name,
                "number": value.number,
                "comment": contract.comment(f"{descriptor.full_name}.{value.name}"),
            }
            for value in descriptor.values
        ],
    }


def _comment(contract: Contract, full_name: str) -> str:
    """The comment; of foreign types, whose comments address other readers, the first paragraph."""
    comment = contract.comment(full_name)
    return comment if full_name.startswith(OWN_ROOTS) else comment.split("\n\n", maxsplit=1)[0]


def _paragraphs(comment: str) -> Markup:
    """A comment as paragraphs, with what stands in backticks as code."""
    written = (_CODE.sub(r"<code>\1</code>", str(escape(" ".join(part.split())))) for part in comment.split("\n\n"))
    return Markup("".join(f"<p>{part}</p>" for part in written if part))  # noqa: S704 - escaped above
