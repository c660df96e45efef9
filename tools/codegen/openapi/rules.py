"""protovalidate's rules as JSON Schema keywords. Source: comments of buf/validate/validate.proto."""

from typing import Any

from google.protobuf.descriptor import FieldDescriptor

_FORMATS = {
    "address": "hostname",
    "email": "email",
    "hostname": "hostname",
    "ip": "ip",
    "ipv4": "ipv4",
    "ipv6": "ipv6",
    "uri": "uri",
    "uri_ref": "uri-reference",
    "uuid": "uuid",
}
_BOUNDS = {"gt": "exclusiveMinimum", "gte": "minimum", "lt": "exclusiveMaximum", "lte": "maximum"}
# 64-bit numbers are strings in JSON, to which numeric keywords do not apply.
_NUMBERS = {"int32", "uint32", "sint32", "fixed32", "sfixed32", "float", "double"}


def keywords(rules: Any) -> dict[str, Any]:
    """JSON Schema keywords for one value under `rules`, a buf.validate.FieldRules or None."""
    kind = rules.WhichOneof("type") if rules is not None else None
    if kind is None:
        return {}
    detail = getattr(rules, kind)
    if kind == "string":
        return _string(detail, blank=_may_be_zero(rules))
    if kind in _NUMBERS:
        return _number(detail)
    if kind == "repeated":
        return _present(detail, {"min_items": "minItems", "max_items": "maxItems", "unique": "uniqueItems"})
    if kind == "map":
        return _present(detail, {"min_pairs": "minProperties", "max_pairs": "maxProperties"})
    return {}


def item_rules(rules: Any) -> Any:
    """The rules of a repeated field's items, or None."""
    if rules is not None and rules.WhichOneof("type") == "repeated" and rules.repeated.HasField("items"):
        return rules.repeated.items
    return None


def is_required(rules: Any) -> bool:
    """Whether the field must be set."""
    return rules is not None and bool(rules.required) and not _may_be_zero(rules)


def sentences(rules: Any) -> list[str]:
    """The messages of rules that JSON Schema cannot express."""
    return [rule.message for rule in rules.cel if rule.message] if rules is not None else []


def tail_pattern(rules: Any, field: FieldDescriptor, prefix: str) -> str | None:
    """The pattern of what follows `prefix` in a string field whose pattern starts with that literal, or None."""
    if rules is None or field.type != FieldDescriptor.TYPE_STRING or not rules.string.pattern.startswith(f"^{prefix}"):
        return None
    return "^" + str(rules.string.pattern).removeprefix(f"^{prefix}")


def _string(rules: Any, *, blank: bool) -> dict[str, Any]:
    found = _present(rules, {"max_len": "maxLength"})
    if rules.HasField("len"):
        found |= {"minLength": rules.len, "maxLength": rules.len}
    if rules.HasField("min_len") and not blank:
        found["minLength"] = rules.min_len
    if rules.HasField("pattern"):
        found["pattern"] = f"^$|{rules.pattern}" if blank else rules.pattern
    if rules.HasField("const"):
        found["const"] = rules.const
    known = getattr(rules, "in")
    if known:
        found["enum"] = ["", *known] if blank else list(known)
    well_known = rules.WhichOneof("well_known")
    if well_known in _FORMATS:
        found["format"] = _FORMATS[well_known]
    return found


def _number(rules: Any) -> dict[str, Any]:
    found = _present(rules, _BOUNDS)
    known = getattr(rules, "in")
    return {**found, "enum": list(known)} if known else found


def _present(rules: Any, names: dict[str, str]) -> dict[str, Any]:
    return {keyword: getattr(rules, name) for name, keyword in names.items() if rules.HasField(name)}


def _may_be_zero(rules: Any) -> bool:
    values = rules.DESCRIPTOR.fields_by_name["ignore"].enum_type.values_by_name
    return bool(rules.ignore == values["IGNORE_IF_ZERO_VALUE"].number)
