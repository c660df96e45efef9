"""How large the contracts let lists, maps and pages grow; every one of them must have a limit."""

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, FieldDescriptor

from tools.codegen.contract import OWN_ROOTS, Access, Contract, Method

FOREIGN_LIMIT = 1000
"""Items of a list in a message of somebody else's, such as PostalAddress, which cannot carry our rules. The same number
stands in chassis/interceptors/sizes.py for calls over gRPC."""

_RULES = "buf.validate.field"
_MAX_PAGE_SIZE = "chassis.v1.max_page_size"
_PAGE_SIZE = "page_size"
_LARGEST_PAGE = 100
_LARGEST_PAGE_OF_STAFF = 200


def is_map(field: FieldDescriptor) -> bool:
    """Whether the field is a map."""
    return field.message_type is not None and bool(field.message_type.GetOptions().map_entry)


def value_type(field: FieldDescriptor) -> Descriptor | None:
    """The message that the field holds, of a map that of its values; None for anything else."""
    message = field.message_type
    if message is not None and message.GetOptions().map_entry:
        return message.fields_by_name["value"].message_type
    return message


def stated_limit(contract: Contract, field: FieldDescriptor) -> int | None:
    """The most items of a list or pairs of a map by the field's rules, or None when they state none."""
    rules = contract.option(field, _RULES)
    kind, limit = ("map", "max_pairs") if is_map(field) else ("repeated", "max_items")
    if rules is None or rules.WhichOneof("type") != kind or not getattr(rules, kind).HasField(limit):
        return None
    return int(getattr(getattr(rules, kind), limit))


def problems(contract: Contract) -> Iterator[str]:
    """Lists and maps without a limit in requests, and pages without a cap, as `file: field: what is wrong`."""
    for message in sorted(_request_messages(contract), key=lambda message: message.full_name):
        for field in message.fields:
            if field.is_repeated and stated_limit(contract, field) is None:
                rule = "map.max_pairs" if is_map(field) else "repeated.max_items"
                yield f"{message.file.name}: {field.full_name} can be sent without end; give it {rule}"
    for method in contract.methods:
        yield from _page(contract, method)


def _page(contract: Contract, method: Method) -> Iterator[str]:
    request = method.descriptor.input_type
    field = request.fields_by_name.get(_PAGE_SIZE)
    if field is None:
        return
    where = f"{request.file.name}: {field.full_name}"
    stated = contract.option(field, _MAX_PAGE_SIZE)
    closed = method.policy is not None and method.policy.access in (Access.ROLE, Access.INTERNAL)
    most = _LARGEST_PAGE_OF_STAFF if closed else _LARGEST_PAGE
    if not stated:
        yield f"{where} has no (chassis.v1.max_page_size)"
    elif not 0 < stated <= most:
        yield f"{where}: max_page_size must be 1 to {most}, the most that its callers may ask for"
    elif f"more than {stated} is taken as {stated}" not in contract.comment(field.full_name):
        yield f"{where}: the comment must say `more than {stated} is taken as {stated}`"


def _request_messages(contract: Contract) -> set[Descriptor]:
    """Every message of ours that a request can hold, at any depth."""
    waiting = [method.descriptor.input_type for method in contract.methods]
    found: set[Descriptor] = set()
    while waiting:
        message = waiting.pop()
        if message in found or not message.full_name.startswith(OWN_ROOTS):
            continue
        found.add(message)
        waiting += [inner for field in message.fields if (inner := value_type(field)) is not None]
    return found
