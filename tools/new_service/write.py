"""Writes a new service into the repository, formats it and generates what follows from its contract."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from jinja2 import Environment, StrictUndefined

from tools.console.errors import Refused
from tools.console.services import SOURCE
from tools.new_service.names import Names, usable_names

_TEMPLATES: Final = Path(__file__).with_name("templates")
_SUFFIX: Final = ".jinja"
_IMPORT_CONTRACTS: Final = "import_contracts.toml.jinja"
"""Appended to pyproject.toml; every other template is a file of its own."""
_PROGRAMS: Final = Path(sys.executable).parent
_DEVELOPMENT: Final = ("buf", "ruff")


class NotARepository(Refused):
    """The command does not run in a clone with the tools of `make setup-dev`; the message says what to do."""


class GenerationFailed(Refused):
    """A program rejected the new files; the message has its output. The files stay for a look."""


def new_service(name: str, noun: str = "", *, root: Path = SOURCE) -> list[Path]:
    """Writes the service `name` with one resource, `noun`, and returns the files below `root` it wrote.

    Appends the service's import contracts to pyproject.toml and regenerates `generated/`. Raises NotARepository,
    NameUnusable and GenerationFailed.
    """
    _require_repository(root)
    names = usable_names(root, name, noun)
    files = dict(_files(names))
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    with (root / "pyproject.toml").open("a", encoding="utf-8") as project:
        project.write(_rendered(_TEMPLATES / _IMPORT_CONTRACTS, names))
    python = [str(path) for path in files if path.suffix == ".py"]
    _run(root, str(_PROGRAMS / "ruff"), "check", "--quiet", "--fix-only", *python)  # imports sort by the names
    _run(root, str(_PROGRAMS / "ruff"), "format", "--quiet", *python)
    _run(root, str(_PROGRAMS / "buf"), "format", "--write", "protos", "--path", f"protos/bookstore/{name}")
    _run(root, sys.executable, "-m", "tools.codegen", "write")
    return list(files)


def _require_repository(root: Path) -> None:
    if not (root / "protos").is_dir():
        raise NotARepository(f"{root} is an installation; run this command in a clone of the repository")
    missing = [program for program in _DEVELOPMENT if not (_PROGRAMS / program).exists()]
    if missing:
        raise NotARepository(f"{' and '.join(missing)} are missing; run `make setup-dev` first")


def _files(names: Names) -> Iterator[tuple[Path, str]]:
    for template in sorted(_TEMPLATES.rglob(f"*{_SUFFIX}")):
        path = template.relative_to(_TEMPLATES).as_posix().removesuffix(_SUFFIX)
        if template.name != _IMPORT_CONTRACTS:
            yield Path(path.replace("NAME", names.name).replace("NOUN", names.noun)), _rendered(template, names)


def _rendered(template: Path, names: Names) -> str:
    # The braces that Jinja takes by default are full of meaning in contracts and in Python.
    environment = Environment(  # noqa: S701  # the texts are source code, not HTML
        variable_start_string="«", variable_end_string="»", undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.from_string(template.read_text(encoding="utf-8")).render(names.values())


def _run(root: Path, *command: str) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": f"{root}{os.pathsep}{root / 'generated'}",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise GenerationFailed(f"{Path(command[0]).name} {command[1]}: {(done.stdout + done.stderr).strip()}")
