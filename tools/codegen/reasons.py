"""The reasons that errors carry, from the `*ErrorReason` enums of the contracts."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from tools.codegen.contract import Contract, ContractError, Method

_SUFFIX = "ErrorReason"
_WORD = re.compile(r"[A-Z][A-Z_]*[A-Z]")
_ERRORS = re.compile(r"^Errors: (.*?)(?:\n\n|\Z)", re.MULTILINE | re.DOTALL)

HTTP_STATUS: Final[dict[str, int]] = {
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "RESOURCE_EXHAUSTED": 429,
    "CANCELLED": 499,
    "UNKNOWN": 500,
    "INTERNAL": 500,
    "DATA_LOSS": 500,
    "UNIMPLEMENTED": 501,
    "UNAVAILABLE": 503,
    "DEADLINE_EXCEEDED": 504,
}
"""Status of each code over HTTP, as google/rpc/code.proto states it."""
STALE: Final = ("ETAG_MISMATCH", 412)
"""The one reason that has another status than its code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One reason: `when` it is given, in words; `domain` is that of its ErrorInfo; `code` is a word if never sent."""

    name: str
    domain: str
    code: str
    when: str

    @property
    def status(self) -> int | None:
        """The HTTP status; None for what no error carries."""
        return STALE[1] if self.name == STALE[0] else HTTP_STATUS.get(self.code)


def reasons(contract: Contract) -> Iterator[Reason]:
    """Every reason, in the order of the contracts. Raises ContractError for a comment without a code."""
    for file in contract.files.values():
        for enum in file.enum_types_by_name.values():
            if not enum.name.endswith(_SUFFIX):
                continue
            domain = f"{enum.name.removesuffix(_SUFFIX).lower()}.bookstore"
            prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
            for value in enum.values[1:]:
                name = f"{file.package}.{enum.name}.{value.name}"
                code, colon, when = " ".join(contract.comment(name).split()).partition(": ")
                if not colon:
                    raise ContractError(f"{file.name}: the comment of {value.name} must begin with a code and a colon")
                yield Reason(name=value.name.removeprefix(prefix), domain=domain, code=code, when=when)


def named_by(method: Method) -> Iterator[tuple[str, str]]:
    """Code and reason of each error that the method's comment lists after `Errors:`."""
    listed = _ERRORS.search(method.comment)
    code = ""
    for word in _WORD.findall(re.sub(r"\([^()]*\)", "", listed[1])) if listed else ():
        if word in HTTP_STATUS:
            code = word
        elif code:
            yield code, word
