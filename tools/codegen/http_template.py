"""URL templates of google.api.http: what paths they match, what they bind, and which of two comes first.

Grammar and meaning: google/api/http.proto, the comment of HttpRule. `**` is not used in this repository and refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_VARIABLE = re.compile(r"\{(?P<field>[A-Za-z0-9_.]+)(?:=(?P<pattern>[^}]*))?\}")
_LITERAL = re.compile(r"[A-Za-z0-9._~-]+")
WILDCARD = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A field of the request bound to the segments `start` to `end` (exclusive) of the path."""

    field: str
    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A parsed template: literal segments and `*`, the fields they bind, and the custom verb after the colon."""

    source: str
    segments: tuple[str, ...]
    variables: tuple[Variable, ...]
    verb: str

    @property
    def is_literal(self) -> bool:
        """Whether exactly one path matches."""
        return WILDCARD not in self.segments

    @property
    def regex(self) -> str:
        """An RE2 expression for the whole path; a wildcard takes no colon, so an unknown verb matches nothing."""
        parts = ("[^/:]+" if segment == WILDCARD else re.escape(segment) for segment in self.segments)
        return "/" + "/".join(parts) + (re.escape(f":{self.verb}") if self.verb else "")

    def overlaps(self, other: "Template") -> bool:
        """Whether a path exists that both match."""
        return (
            self.verb == other.verb
            and len(self.segments) == len(other.segments)
            and all(a == b or WILDCARD in (a, b) for a, b in zip(self.segments, other.segments, strict=True))
        )

    def narrows(self, other: "Template") -> bool:
        """Whether every path this one matches is matched by `other` too, and not the other way round."""
        return (
            self.overlaps(other)
            and self.segments != other.segments
            and all(b in (a, WILDCARD) for a, b in zip(self.segments, other.segments, strict=True))
        )

    @property
    def order(self) -> tuple[tuple[bool, str], ...]:
        """A sort key that puts a literal segment before a wildcard and is otherwise alphabetical."""
        return (*((segment == WILDCARD, segment) for segment in self.segments), (not self.verb, self.verb))


def parse_template(source: str) -> Template:
    """Parses a template such as `/v1/{name=users/*}:setRoles`. Raises ValueError with the template in the message."""
    if not source.startswith("/"):
        raise ValueError(f"{source!r}: a URL template starts with a slash")
    segments: list[str] = []
    variables: list[Variable] = []
    path, verb = _split_verb(source[1:])
    for part in _parts(path):
        variable = _VARIABLE.fullmatch(part)
        inner = ((variable["pattern"] or WILDCARD) if variable else part).split("/")
        if any(segment != WILDCARD and not _LITERAL.fullmatch(segment) for segment in inner):
            raise ValueError(f"{source!r}: {part!r} is not a segment this repository uses")
        if variable:
            variables.append(Variable(field=variable["field"], start=len(segments), end=len(segments) + len(inner)))
        segments += inner
    return Template(source=source, segments=tuple(segments), variables=tuple(variables), verb=verb)


def _split_verb(path: str) -> tuple[str, str]:
    head, colon, tail = path.rpartition(":")
    return (head, tail) if colon and not set(tail) & set("/}") else (path, "")


def _parts(path: str) -> Iterator[str]:
    """Splits at slashes, except those inside braces."""
    start = depth = 0
    for index, char in enumerate(path):
        depth += (char == "{") - (char == "}")
        if char == "/" and depth == 0:
            yield path[start:index]
            start = index + 1
    yield path[start:]
