"""The error classes of each contract as Python modules, which need of the library only ServiceError."""

from collections.abc import Iterable

from tools.codegen.error_reasons import Reason, names_in

_LONGEST_LINE = 120
_HEAD = '''"""The errors of {domain}. Written by `make protos` from {file}; do not edit."""

from __future__ import annotations
{imports}
from chassis.service_error import ErrorKind, ServiceError
'''
_CLASS = '''

class {name}(ServiceError):
    """{comment}"""

    kind = ErrorKind.{code}
    reason = "{reason}"
    domain = "{domain}"

    def __init__({parameters}) -> None:
'''
_RETRIED_LATER = "RESOURCE_EXHAUSTED"


def error_classes(reasons: Iterable[Reason]) -> dict[str, bytes]:
    """Text of each module by its path below the root of its package; a file without any class has no module."""
    modules: dict[str, list[Reason]] = {}
    for reason in reasons:
        if reason.message:
            modules.setdefault(reason.file, []).append(reason)
    return {file.replace(".proto", ".py"): _module(file, found).encode() for file, found in modules.items()}


def _module(file: str, reasons: list[Reason]) -> str:
    timed = any(reason.code == _RETRIED_LATER for reason in reasons)
    imports = "\nfrom datetime import timedelta\n" if timed else ""
    head = _HEAD.format(domain=reasons[0].domain, file=file, imports=imports)
    return head + "".join(_class(reason) for reason in reasons)


def _class(reason: Reason) -> str:
    pointed = names_in(reason.field)
    parameters = [
        *(f"{name}: str | int" for name in reason.arguments),
        *(["detail: str"] if reason.has_detail else []),
        *(f'{name}: str = ""' for name in pointed),
        *(["retry_after: timedelta | None = None"] if reason.code == _RETRIED_LATER else []),
    ]
    head = _CLASS.format(
        name="".join(word.capitalize() for word in reason.name.split("_")),
        comment=reason.comment,
        code=reason.code,
        reason=reason.name,
        domain=reason.domain,
        parameters=", ".join(["self", *(["*"] if parameters else []), *parameters]),
    )
    formatted = "f" if names_in(reason.message) else ""
    arguments = ["detail" if reason.message == "{detail}" else f'{formatted}"{reason.message}"']
    if reason.field:
        arguments.append(f"field={pointed[0]}" if pointed else f'field="{reason.field}"')
    if reason.arguments:
        pairs = ", ".join(f'"{name}": str({name})' for name in reason.arguments)
        arguments.append(f"metadata={{{pairs}}}")
    if reason.code == _RETRIED_LATER:
        arguments.append("retry_after=retry_after")
    return head + _call(arguments)


def _call(arguments: list[str]) -> str:
    line = f"        super().__init__({', '.join(arguments)})\n"
    if len(line) <= _LONGEST_LINE:
        return line
    return "".join(["        super().__init__(\n", *(f"            {part},\n" for part in arguments), "        )\n"])
