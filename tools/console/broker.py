"""The embedded broker: one NATS server with JetStream, for this stack alone."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.console.certificates import replace_file
from tools.console.ports import LOOPBACK

_USER: Final = "bookstore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Broker:
    """Where the broker listens and the password of this run."""

    port: int
    password: str

    @staticmethod
    def on(port: int) -> Broker:
        """A broker with a password nobody has used before."""
        return Broker(port=port, password=secrets.token_hex(32))

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def url(self) -> str:
        """URL for clients, with the password: hand it on in the environment only."""
        return f"nats://{_USER}:{self.password}@{self.address}"

    def configure(self, file: Path, *, streams: Path) -> None:
        """Writes the server's configuration, mode 0600.

        `sync_interval: always` flushes each message before it is acknowledged; the default of two minutes would lose
        acknowledged messages in a power failure.
        """
        text = f"""\
server_name: bookstore
listen: "{self.address}"
max_payload: 1MB
authorization {{ user: {_USER}, password: "{self.password}" }}
jetstream {{
  store_dir: "{streams}"
  sync_interval: always
  max_memory_store: 64MB
  max_file_store: 4GB
}}
"""
        replace_file(file, text.encode(), mode=0o600)
