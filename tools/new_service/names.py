"""The names of a new service, and which ones cannot be used."""

from __future__ import annotations

import builtins
import json
import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.console.errors import Refused

_WORD: Final = re.compile(r"[a-z][a-z0-9]{1,19}")
_RESOURCE: Final = re.compile(r'type: "bookstore\.example/(\w+)"')
_PROCESSES: Final = frozenset({"bookstore", "buf", "chassis", "console", "envoy", "migration", "nats", "seed", "tools"})
"""Names of processes and of packages that a service must not have as well."""
_MODULES: Final = frozenset({
    "answers", "any", "api", "app", "caller", "clock", "column", "columns", "connection", "context", "contract",
    "convert", "database", "description", "events", "fields", "index", "instant", "listing", "mapping", "message",
    "metadata", "migrations", "name", "page", "queries", "refused", "remotes", "request", "response", "rowcodec",
    "runtime", "service", "servicer", "settings", "statement", "store", "table", "text", "title", "version",
})  # fmt: skip
"""Modules of every service, and names that the code of a service uses for something else."""


class NameUnusable(Refused):
    """The name or the noun of a new service cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """A service and its resource: `wishes`, `wish`."""

    name: str
    noun: str

    def values(self) -> dict[str, str]:
        """Returns what templates may use."""
        article = "an" if self.noun[0] in "aeiou" else "a"
        forms = {"name": self.name, "Name": self.name.capitalize(), "NAME": self.name.upper()}
        forms |= {"noun": self.noun, "Noun": self.noun.capitalize(), "NOUN": self.noun.upper()}
        return forms | {"a_noun": f"{article} {self.noun}"}


def singular(name: str) -> str:
    """Returns the singular of a regular English plural, or an empty string."""
    for ending, replacement in (("ies", "y"), ("ches", "ch"), ("shes", "sh"), ("sses", "ss"), ("xes", "x")):
        if name.endswith(ending) and len(name) > len(ending):
            return name.removesuffix(ending) + replacement
    return name.removesuffix("s") if name.endswith("s") and not name.endswith("ss") else ""


def usable_names(root: Path, name: str, noun: str = "") -> Names:
    """Returns the names of a new service in the repository at `root`; `noun` by default is the singular of `name`.

    Raises NameUnusable.
    """
    _require_word("the name", name)
    _require_free_name(root, name)
    noun = noun or singular(name)
    if not noun:
        raise NameUnusable(f"{name!r} has no plain singular; state what one of them is called: --noun NOUN")
    _require_word("the noun", noun)
    if noun == name:
        raise NameUnusable(f"the noun must differ from the name {name!r}, which is the plural, as in wishes and wish")
    if noun in _MODULES or hasattr(builtins, noun):
        raise NameUnusable(f"the noun {noun!r} is reserved: the code of a service uses it; choose another by --noun")
    _require_free_noun(root, noun)
    return Names(name=name, noun=noun)


def _require_word(what: str, word: str) -> None:
    if not _WORD.fullmatch(word):
        raise NameUnusable(
            f"{what} {word!r} must be one word of 2 to 20 lower-case letters and digits that begins with a letter, "
            "such as wishes: it becomes a Python package, a protobuf package, a path of URLs and a host name"
        )
    if keyword.iskeyword(word) or keyword.issoftkeyword(word):
        raise NameUnusable(f"{what} {word!r} is a keyword of Python; choose another")


def _require_free_name(root: Path, name: str) -> None:
    for place in (Path("services") / name, Path("protos/bookstore") / name):
        if (root / place).exists():
            raise NameUnusable(f"the name {name!r} is taken: {place} exists; choose another")
    if name in _PROCESSES or name in _MODULES or hasattr(builtins, name):
        raise NameUnusable(f"the name {name!r} is reserved; choose another")
    document = json.loads((root / "generated" / "openapi" / "bookstore.json").read_text(encoding="utf-8"))
    for path in document["paths"]:
        if re.match(rf"/v1/{name}\b", path):
            raise NameUnusable(f"the name {name!r} is taken: another service has the route {path}; choose another")


def _require_free_noun(root: Path, noun: str) -> None:
    for file in sorted((root / "protos" / "bookstore").rglob("*.proto")):
        if noun.capitalize() in _RESOURCE.findall(file.read_text(encoding="utf-8")):
            place = file.relative_to(root)
            raise NameUnusable(f"the noun {noun!r} is taken: {place} has that resource; choose another by --noun")
