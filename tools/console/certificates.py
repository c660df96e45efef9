"""Certificates of one stack: an own authority and one certificate per process, kept in the data folder."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

EDGE: Final = "edge"
"""Name of Envoy's certificate."""
CONSOLE: Final = "console"
"""Name of the supervisor's own certificate, with which it asks for health."""

_AUTHORITY_LIFETIME: Final = timedelta(days=3650)
_LEAF_LIFETIME: Final = timedelta(days=397)  # the most that browsers take; renewed long before
_RENEW_AFTER: Final = timedelta(days=30)
_CLOCK_SLACK: Final = timedelta(minutes=5)  # a peer's clock may be a little behind


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFolder:
    """Where certificates lie: `ca.pem`, and `<process>.pem` with `<process>.key`."""

    path: Path

    @property
    def authority(self) -> Path:
        """Certificate that signs all others; all that a peer must trust."""
        return self.path / "ca.pem"

    def certificate(self, process: str) -> Path:
        """Certificate of a process."""
        return self.path / f"{process}.pem"

    def key(self, process: str) -> Path:
        """Private key of a process, mode 0600."""
        return self.path / f"{process}.key"

    def ensure(self, processes: Iterable[str], *, now: datetime) -> list[str]:
        """Issues what is missing or older than 30 days and returns the names of the processes that got a new one.

        A new authority makes every certificate new.
        """
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        authority_key = self.path / "ca.key"
        renewed: list[str] = []
        fresh_authority = not (authority_key.exists() and self.authority.exists())
        if not fresh_authority:
            held = x509.load_pem_x509_certificate(self.authority.read_bytes())
            fresh_authority = held.not_valid_after_utc < now + _LEAF_LIFETIME
        if fresh_authority:
            _issue_authority(self.authority, authority_key, now)
        issuer = x509.load_pem_x509_certificate(self.authority.read_bytes())
        issuer_key = serialization.load_pem_private_key(authority_key.read_bytes(), password=None)
        if not isinstance(issuer_key, ec.EllipticCurvePrivateKey):
            raise TypeError(f"{authority_key} is not an elliptic curve key; delete {self.path} to make new ones")
        for process in processes:
            if self._is_due(process, issuer, now):
                _issue_leaf(process, self.certificate(process), self.key(process), issuer, issuer_key, now)
                renewed.append(process)
        return renewed

    def _is_due(self, process: str, issuer: x509.Certificate, now: datetime) -> bool:
        if not (self.certificate(process).exists() and self.key(process).exists()):
            return True
        certificate = x509.load_pem_x509_certificate(self.certificate(process).read_bytes())
        try:
            certificate.verify_directly_issued_by(issuer)
        except (ValueError, InvalidSignature):
            return True
        return now - certificate.not_valid_before_utc > _RENEW_AFTER + _CLOCK_SLACK


def _issue_authority(certificate_file: Path, key_file: Path, now: datetime) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "bookstore local authority")])
    certificate = (
        _builder(name, name, key.public_key(), now, _AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write(certificate_file, key_file, certificate, key)


def _issue_leaf(
    process: str,
    certificate_file: Path,
    key_file: Path,
    issuer: x509.Certificate,
    issuer_key: ec.EllipticCurvePrivateKey,
    now: datetime,
) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, process)])
    certificate = (
        _builder(name, issuer.subject, key.public_key(), now, _LEAF_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False
        )
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(process)]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()), critical=False)
        .sign(issuer_key, hashes.SHA256())
    )
    _write(certificate_file, key_file, certificate, key)


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime, lifetime: timedelta
) -> x509.CertificateBuilder:
    start = now.astimezone(UTC).replace(tzinfo=None) - _CLOCK_SLACK
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + lifetime)
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _write(
    certificate_file: Path, key_file: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey
) -> None:
    """Replaces both files whole, the key first: a certificate never stands there without its key."""
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    replace_file(key_file, pem, mode=0o600)
    replace_file(certificate_file, certificate.public_bytes(serialization.Encoding.PEM), mode=0o600)


def replace_file(target: Path, content: bytes, *, mode: int) -> None:
    """Writes a file that is either whole or the old one, with the given mode from its first byte on."""
    scratch = target.with_name(f".{target.name}.{os.getpid()}")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(target)
