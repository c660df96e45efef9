"""The library stands alone: nothing of the bookstore needs to be on the path."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

import chassis

PROGRAM = """
import sys
sys.path[:0] = sys.argv[1:]
import chassis, chassis.contract, chassis.errors, chassis.kernel
from chassis.v1 import policy_pb2
print(policy_pb2.DESCRIPTOR.package, sorted({name.split(".")[0] for name in sys.modules} & {"bookstore", "services"}))
"""


def test_the_library_and_its_contract_are_imported_without_the_bookstore(tmp_path: Path) -> None:
    (tmp_path / "chassis").symlink_to(Path(chassis.__file__).parent)
    site = sysconfig.get_path("purelib")  # without -S its .pth files would add the repository
    program = [sys.executable, "-I", "-S", "-B", "-c", PROGRAM, str(tmp_path), site]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("chassis.v1 []\n", "")
