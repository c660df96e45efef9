"""Sentences use the words of the field: a short list of others stays out of them.

`words_to_mend.txt` names the files that still hold some. It may only shrink: a file that is mended leaves it.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

import services

ROOT = Path(services.__file__).parents[1]
HERE = Path(__file__)
TO_MEND = HERE.with_name("words_to_mend.txt")
SOURCES = (
    *("*.md", "docs/**/*.md", "protos/**/*.proto", "envoy/**/*.*", "bench/**/*.*", "docs/clients/*.*"),
    *(f"{folder}/**/*.{kind}" for folder in ("bookstore_app", "chassis", "services", "tools") for kind in ("py", "md")),
    *("tools/**/*.jinja", "tools/**/*.html", "tests/**/*.py"),
)
LEFT_OUT = {"CHANGELOG.md", "docs/errors.md", str(HERE.relative_to(ROOT))}  # history, generated, the list itself

BANNED = {
    r"\b(somebody|nobody|anybody|everybody|whoever)\b": "client, caller, another process",
    r"(?-i:\bAnyone\b)": "public, every client",
    r"\b(pay(s|ing)?|paid) back\b": "refund",
    r"\brefus(e|es|ed|ing|al|als)\b(?<!connection refused)": "reject",
    r"\b(is|are|was|were) answered\b": "returns",
    r"\banswers (a|an|the|one|all|every|several|what|with)\b": "returns",
    r"\bfront door\b": "servicer, API",
    r"\bmail address(es)?\b": "email address",
    r"\bzero character\b": "NUL",
}
"""Expressions and what to write instead."""

NOUNS = {"filtering", "listing", "paging", "pricing", "string", "testing", "tracing"}
"""Names of modules that end like a gerund and are nouns of the field."""


def sentences(path: Path) -> str:
    """The text of a file that people read: of Python and contracts without the code."""
    text = path.read_text(encoding="utf-8")
    kind = Path(path.name.removesuffix(".jinja")).suffix
    if path.suffix == ".jinja":
        text = re.sub("«.*?»", "x", text)
    if kind == ".py":
        return " ".join(_python(text))
    if kind == ".proto":
        return " ".join(_contract(text))
    return text


def _python(text: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.string.lstrip("# ")
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.value


def _contract(text: str) -> Iterator[str]:
    for comment, message in re.findall(r'//\s?(.*)|message: "(.*)"', text):
        yield comment or message


def found(text: str) -> list[str]:
    """Each banned expression in a text, with what to write instead."""
    line = " ".join(text.split())
    return [
        f"{match[0]!r} (better: {better})"
        for expression, better in BANNED.items()
        for match in re.finditer(expression, line, re.IGNORECASE)
    ]


def breaches(path: Path) -> list[str]:
    """What is wrong with the words of a file and with its name."""
    is_gerund = path.match("*ing.py") and not path.match("test_*.py") and path.stem not in NOUNS
    named = [f"the module name {path.stem!r} is a gerund (better: a noun)"] if is_gerund else []
    return named + found(sentences(path))


FILES = sorted(
    {
        str(path.relative_to(ROOT))
        for pattern in SOURCES
        for path in ROOT.glob(pattern)
        if path.suffix not in {".json", ".png", ".svg", ".pyc"} and path.is_file()
    }
    - LEFT_OUT
)
KNOWN = TO_MEND.read_text(encoding="utf-8").split()


@pytest.mark.parametrize("file", [file for file in FILES if file not in KNOWN])
def test_no_banned_word_is_in(file: str) -> None:
    assert breaches(ROOT / file) == []


@pytest.mark.parametrize("file", KNOWN)
def test_a_file_leaves_the_list_when_it_is_mended(file: str) -> None:
    assert (ROOT / file).exists(), f"remove {file} from {TO_MEND.name}: it is gone"
    assert breaches(ROOT / file), f"remove {file} from {TO_MEND.name}: nothing is left to mend"


def test_the_list_is_sorted_and_without_repeats() -> None:
    assert sorted(set(KNOWN)) == KNOWN


@pytest.mark.parametrize(
    "text",
    [
        "Somebody who knows\n    the name",
        "what is left to pay\nback",
        "A deleted book is answered as it is.",
        "Answers one book.",
        "the refusals of a service",
        "Anyone reads; staff write.",
    ],
)
def test_banned_words_are_found_across_lines(text: str) -> None:
    assert found(text)


@pytest.mark.parametrize("text", ["Returns the book.", "unless anyone else changed it", "connection refused"])
def test_other_sentences_pass(text: str) -> None:
    assert not found(text)


def test_code_is_not_read_as_sentences(tmp_path: Path) -> None:
    module = tmp_path / "module.py"
    module.write_text('def refused(nobody: str) -> str:\n    """Returns it."""\n    return nobody["whoever"]\n')
    assert breaches(module) == []
    module.write_text('raise ValueError("the name is refused")  # by nobody\n')
    assert len(breaches(module)) == 2
