"""Where to find things: the data folder of one stack, and the repository the command runs from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.console.certificates import CertificateFolder
from tools.console.services import SOURCE

GENERATED: Final = SOURCE / "generated"
"""What `make protos` writes; also a source root."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFolder:
    """The folder of everything that lasts. Two stacks need two folders."""

    path: Path

    @property
    def run(self) -> Path:
        """What is valid only while the stack runs: state, rendered configuration, lock."""
        return self.path / "run"

    @property
    def logs(self) -> Path:
        """One log file per process, and the edge's access log."""
        return self.path / "logs"

    @property
    def broker(self) -> Path:
        """Streams of the embedded NATS."""
        return self.path / "nats"

    @property
    def certificates(self) -> CertificateFolder:
        """Certificates of this stack."""
        return CertificateFolder(path=self.path / "tls")

    @property
    def state(self) -> Path:
        """JSON with the processes, their ids and ports."""
        return self.run / "state.json"

    @property
    def lock(self) -> Path:
        """Held by the `up` that runs on this folder."""
        return self.run / "lock"

    @property
    def endpoints(self) -> Path:
        """Where Envoy reads which addresses serve each cluster."""
        return self.run / "eds"

    @property
    def pages(self) -> Path:
        """What Envoy sends to browsers."""
        return self.run / "pages"

    @property
    def access_log(self) -> Path:
        """One JSON line per request at the edge."""
        return self.logs / "edge-access.log"

    @property
    def seeded(self) -> Path:
        """Present once the shop has been seeded; `up` then leaves its contents alone."""
        return self.path / "seeded"

    @property
    def administrator_password(self) -> Path:
        """The administrator's first password, and nothing else."""
        return self.path / "admin-password"

    @property
    def demo_customers(self) -> Path:
        """Mail addresses and passwords of the demo customers."""
        return self.path / "demo-customers"

    @property
    def mail(self) -> Path:
        """The Maildir, unless there is a mail server."""
        return self.path / "mail"

    def log(self, process: str) -> Path:
        """Log file of a process."""
        return self.logs / f"{process}.log"

    def make(self) -> None:
        """Creates the folders. Raises OSError when the place cannot be written."""
        self.path.mkdir(parents=True, exist_ok=True)
        for private in ("db", "logs", "run", "nats", "mail", "tls", "traces"):
            (self.path / private).mkdir(exist_ok=True, mode=0o700)
