"""Starts Envoy on free ports and asks it whether it took every file: `python -m tools.console.edge_check`.

Envoy's own `--mode validate` does not open the files that the bootstrap leads to.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tools.console.certificates import EDGE
from tools.console.edge import Edge, configure, processes
from tools.console.errors import Refused
from tools.console.paths import GENERATED, DataFolder
from tools.console.ports import LOOPBACK
from tools.console.probes import EdgeProbe, EdgeRejected

_PATIENCE: Final = 60.0  # seconds
_NO_SERVICE: Final = f"{LOOPBACK}:1"


def check(folder: DataFolder, *, generated: Path = GENERATED) -> None:
    """Returns when Envoy has taken the whole configuration. Raises EdgeRejected, EdgeIncomplete, BinaryMissing."""
    folder.make()
    folder.certificates.ensure([EDGE], now=datetime.now(UTC))
    edge = Edge(
        bind=LOOPBACK,
        http_port=0,
        grpc_port=0,
        admin_port=0,
        upstreams={process: [_NO_SERVICE] for process in processes(generated)},
    )
    command = configure(edge, folder, generated=generated)
    admin = folder.run / "admin-address"
    log = folder.log("envoy")
    with log.open("wb") as output:
        envoy = subprocess.Popen([*command, "--admin-address-path", str(admin)], cwd=folder.run, stderr=output)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not (admin.exists() and EdgeProbe(admin=f"http://{admin.read_text()}", needs_keys=False).asked()):
            if envoy.poll() is not None or time.monotonic() > deadline:
                raise EdgeRejected("Envoy did not start")
            time.sleep(0.02)
    except EdgeRejected as error:
        raise EdgeRejected(f"{error}; its log:\n{log.read_text(errors='replace')}") from None
    finally:
        envoy.kill()
        envoy.wait()


def main() -> int:
    """Returns the exit status: 0, or 1 with the reason on standard error."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        try:
            check(DataFolder(path=Path(folder)))
        except Refused as error:
            print(error, file=sys.stderr)
            return 1
    print(f"Envoy takes its configuration ({time.monotonic() - began:.1f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
