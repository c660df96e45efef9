"""The shop runs from an installed wheel, without its repository."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from importlib.metadata import distribution
from importlib.metadata import version as installed_version
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.e2e.shop import Client
from tests.e2e.stack import ROOT, Bookstore
from tests.limits import HANG_SECONDS

OWN = {"bookstore_app", f"bookstore-{installed_version('bookstore')}.dist-info"}


def run(*command: str | Path, folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder, folder=ROOT)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_installs_one_package_and_no_programs_of_the_build(wheel: Path) -> None:
    names = [Path(name) for name in ZipFile(wheel).namelist()]
    assert {name.parts[0] for name in names} == OWN
    inside = {name.parts[1:3] for name in names if name.parts[0] == "bookstore_app"}
    assert {("services", "orders"), ("generated", "bookstore"), ("envoy", "bootstrap.yaml")} <= inside
    assert ("tools", "codegen") not in inside


def test_the_shop_runs_from_the_wheel_in_any_folder(wheel: Path, tmp_path: Path) -> None:
    venv, folder = tmp_path / "venv", tmp_path / "shop"
    folder.mkdir()
    run(sys.executable, "-m", "venv", "--without-pip", venv, folder=tmp_path)
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", venv / "bin" / "python")
    run(*pip, "install", "--no-index", "--no-deps", wheel, folder=tmp_path)
    (site,) = (venv / "lib").glob("python*/site-packages")
    assert {path.name for path in site.iterdir()} == OWN
    # The dependencies, but not the bookstore of this repository: its own .pth file is not read in a folder so named.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    assert distribution("bookstore").read_text("direct_url.json"), "the bookstore of the tests is the editable one"

    (folder / "services").mkdir()  # a stranger's package of the same name is not ours
    (folder / "services" / "__init__.py").write_text("raise AssertionError('imported from the working directory')")
    scripts = os.pathsep.join([str(venv / "bin"), sysconfig.get_path("scripts"), os.environ["PATH"]])
    shop = Bookstore(folder / ".data", program=[venv / "bin" / "bookstore"], folder=folder, PYTHONPATH="", PATH=scripts)
    assert shop.command("--version").stdout == f"bookstore {installed_version('bookstore')}\n"
    doctor = shop.command("doctor")
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    new = shop.command("new", "service", "wishes")
    assert (new.returncode, "in a clone of the repository" in " ".join(new.stderr.split())) == (1, True)
    shop.start()
    try:
        assert Client(shop.http).get("/v1/books?pageSize=1")["books"]
        shop.interrupt()
    finally:
        shop.kill()
