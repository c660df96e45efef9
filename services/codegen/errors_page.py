"""docs/errors.md: every reason an error can carry, from the enums of the contracts."""

from services.codegen.contract import Contract, ContractError

_SUFFIX = "ErrorReason"
_HEAD = """# Errors

Written by `make protos` from the `*ErrorReason` enums of the contracts.

Every error is a `google.rpc.Status`. Its `google.rpc.ErrorInfo` carries a reason and a domain, which programs compare,
and metadata; `message` is for people and can change. Bad input also carries `google.rpc.BadRequest` with the path of
each field, what may be repeated `google.rpc.RetryInfo`. Over HTTP the status is that of the code (an ETAG_MISMATCH
answers 412).
"""


def errors_page(contract: Contract) -> bytes:
    """The page. Raises ContractError for a reason whose comment does not begin with its code."""
    parts = [_HEAD]
    for file in contract.files.values():
        for enum in file.enum_types_by_name.values():
            if not enum.name.endswith(_SUFFIX):
                continue
            owner = enum.name.removesuffix(_SUFFIX).lower()
            parts.append(f"\n## {owner}.bookstore\n\n| reason | code | when |\n|---|---|---|\n")
            prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
            for value in enum.values[1:]:
                name = f"{file.package}.{enum.name}.{value.name}"
                code, colon, when = " ".join(contract.comment(name).split()).partition(": ")
                if not colon:
                    raise ContractError(f"{file.name}: the comment of {value.name} must begin with a code and a colon")
                parts.append(f"| {value.name.removeprefix(prefix)} | {code} | {when[0].upper()}{when[1:]} |\n")
    return "".join(parts).encode()
