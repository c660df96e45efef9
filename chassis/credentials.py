"""Mutual TLS: a process knows its peer from the certificate."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import grpc


class CredentialsMissing(Exception):
    """A certificate file is missing; the message names it and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Certificate and key of one process and the authority that signs for its peers, as PEM."""

    authority: bytes
    certificate: bytes
    key: bytes

    @staticmethod
    def load(folder: Path, process: str) -> Credentials:
        """Reads `ca.pem`, `<process>.pem` and `<process>.key`. Raises CredentialsMissing."""
        try:
            return Credentials(
                authority=(folder / "ca.pem").read_bytes(),
                certificate=(folder / f"{process}.pem").read_bytes(),
                key=(folder / f"{process}.key").read_bytes(),
            )
        except OSError as error:
            raise CredentialsMissing(
                f"{error.filename} cannot be read ({error.strerror}); `bookstore up` makes the certificates, "
                "elsewhere mount them and set BOOKSTORE_TLS_DIR"
            ) from None

    def channel(self) -> grpc.ChannelCredentials:
        """Credentials of a client that shows its own certificate."""
        return grpc.ssl_channel_credentials(self.authority, self.key, self.certificate)

    def server(self) -> grpc.ServerCredentials:
        """Credentials of a server that asks its clients for theirs."""
        return grpc.ssl_server_credentials(
            [(self.key, self.certificate)], root_certificates=self.authority, require_client_auth=True
        )
