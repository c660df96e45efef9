"""Ways to spoil a good JSON body in one place."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from random import Random
from typing import Final, TypeVar

from tests.integration.json_bodies import Bodies, Items, Member, Members, Node, Scalar, quoted, shown

T = TypeVar("T")


def spoilt(bodies: Bodies, body: Members, random: Random) -> tuple[str, str, str]:
    """Spoils the body somewhere. Returns its text, the place that an error must name and what was done."""
    spoilers = list(SPOILERS.items())
    while True:
        name, spoil = random.choice(spoilers)
        place = spoil(body, random)
        if place is not None:
            return bodies.text(body), place or "body", name


def _nodes(node: Node) -> Iterator[Node]:
    yield node
    children = node.items if isinstance(node, Items) else []
    if isinstance(node, Members):
        children = [member.value for member in node.members]
    for child in children:
        yield from _nodes(child)


def _pick(body: Members, random: Random, kind: type[T], fits: Callable[[T], bool] = lambda _: True) -> T | None:
    found = [node for node in _nodes(body) if isinstance(node, kind) and fits(node)]
    return random.choice(found) if found else None


def _is_message(node: Members) -> bool:
    return node.kind not in ("map", "any")


def _inside(node: Node, name: str) -> str:
    return f"{node.place}.{name}" if node.place else name


def _unknown_field(body: Members, random: Random) -> str | None:
    node = _pick(body, random, Members, _is_message)
    if node is None:
        return None
    name = random.choice(("zz", "__proto__", "Titel", "a.b", "a b", "üx", "x" * 100, "", "@type", "1", "[x.y]"))
    value = Scalar("", "any", random.choice(("1", "null", '{"a": [1, {"b": 2}]}')))
    node.members.insert(random.randint(0, len(node.members)), Member(quoted(name, random), value, (name,)))
    return _inside(node, shown(name))


def _other_case(body: Members, random: Random) -> str | None:
    node = _pick(body, random, Members, lambda node: _is_message(node) and bool(node.members))
    if node is None:
        return None
    member = random.choice(node.members)
    name = member.spellings[0].upper()
    member.name = json.dumps(name)
    return _inside(node, name)


def _given_twice(body: Members, random: Random) -> str | None:
    node = _pick(body, random, Members, lambda node: bool(node.members))
    if node is None:
        return None
    member = random.choice(node.members)
    name = quoted(random.choice(member.spellings), random)
    node.limit += 1
    node.members.append(Member(name, Scalar("", "null", "null"), member.spellings))
    return member.value.place


def _object_for_list(body: Members, random: Random) -> str | None:
    node = _pick(body, random, Items, lambda node: node.kind == "list")
    if node is None:
        return None
    node.text = random.choice(("{}", '{"0": 1}', '"a"', "1", "true"))
    return node.place


def _list_for_object(body: Members, random: Random) -> str | None:
    node = _pick(body, random, Members, lambda node: node.kind != "any")
    if node is None:
        return None
    node.text = random.choice(("[]", "[{}]", '"a"', "1", "false"))
    return node.place


def _bare_name(body: Members, random: Random) -> str | None:
    node = _pick(body, random, Members, lambda node: _is_message(node) and bool(node.members))
    if node is None:
        return None
    member = random.choice(node.members)
    name = random.choice(member.spellings)
    member.name = random.choice((name, f"'{name}'"))
    return _inside(node, name)


def _comma_at_the_end(body: Members, random: Random) -> str | None:
    node = _pick(body, random, Node, lambda node: bool(getattr(node, "members", getattr(node, "items", []))))
    if isinstance(node, Items):
        node.items.append(Scalar("", "nothing", ""))
        return node.items[-2].place
    if isinstance(node, Members):
        last = node.members[-1]
        node.text = Bodies(random).text(node).removesuffix("}") + random.choice((",}", ", }"))
        return last.value.place
    return None


def _fraction(body: Members, random: Random) -> str | None:
    return _replaced(
        body, random, ("integer",), ("1.0", "1.5", "1e0", "-1E2", '"1.0"', '"1e3"', '" 1"', "01", "+1", "0x1")
    )


def _other_type(body: Members, random: Random) -> str | None:
    kind = random.choice(
        ("string", "bytes", "duration", "timestamp", "field_mask", "boolean", "number", "integer", "enum")
    )
    wrong = ["[1]", "[]", "{}", "True", "NaN", "undefined", "'a'", "/**/1"]
    wrong += (
        ["5"] if kind in ("string", "bytes", "duration", "timestamp", "field_mask", "boolean") else ["true", "1.5.5"]
    )
    wrong += (
        ['" 3 s"'] if kind in ("bytes", "duration", "timestamp", "field_mask", "boolean", "number", "integer") else []
    )
    return _replaced(body, random, (kind,), wrong)


def _odd_text(body: Members, random: Random) -> str | None:
    odd = ('"\\ud800"', '"\\udc00a"', '"\\ud800\\u0041"', '"\\x"', '"\\u12g4"', '"a\tb"', '"a\x00b"')
    return _replaced(body, random, ("string",), odd)


def _null_item(body: Members, random: Random) -> str | None:
    node = _pick(body, random, Items, lambda node: node.kind == "list" and bool(node.items))
    if node is None:
        return None
    item = random.choice(node.items)
    item.text = "null"
    return item.place if item.kind != "any" else None


def _too_long(body: Members, random: Random) -> str | None:
    node = _pick(body, random, Node, lambda node: bool(getattr(node, "members", getattr(node, "items", []))))
    if isinstance(node, Items):
        node.items += [node.items[0]] * (node.limit + 1 - len(node.items))
        return node.place
    if isinstance(node, Members) and node.kind == "any":
        node.members = [Member(f'"{index}"', Scalar("", "any", "1"), ()) for index in range(node.limit + 1)]
        return node.place
    return None


def _more_at_the_end(body: Members, random: Random) -> str | None:
    body.text = Bodies(random).text(body) + random.choice(("x", "{}", ",", "]", "//"))
    return ""


def _replaced(body: Members, random: Random, kinds: tuple[str, ...], texts: tuple[str, ...] | list[str]) -> str | None:
    node = _pick(body, random, Scalar, lambda node: node.kind in kinds)
    if node is None:
        return None
    node.text = random.choice(texts)
    return node.place


Spoiler = Callable[[Members, Random], str | None]
"""Changes one place of a body, if it finds one to change, and returns what an error must name; else None."""
SPOILERS: Final[dict[str, Spoiler]] = {
    spoiler.__name__.strip("_"): spoiler
    for spoiler in (
        _unknown_field,
        _other_case,
        _given_twice,
        _object_for_list,
        _list_for_object,
        _bare_name,
        _comma_at_the_end,
        _fraction,
        _other_type,
        _odd_text,
        _null_item,
        _too_long,
        _more_at_the_end,
    )
}
