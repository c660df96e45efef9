"""Certificates of a stack: what is in them, who may read them, when they are made anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from chassis.credentials import Credentials
from tools.console.certificates import CertificateFolder, replace_file

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> CertificateFolder:
    return CertificateFolder(path=tmp_path / "tls")


def _load(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def test_a_certificate_names_its_process_and_serves_both_ends(folder: CertificateFolder) -> None:
    assert folder.ensure(["catalog", "orders"], now=NOW) == ["catalog", "orders"]
    certificate = _load(folder.certificate("catalog"))
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["catalog"]
    uses = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(uses) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert isinstance(key.curve, ec.SECP256R1)
    certificate.verify_directly_issued_by(_load(folder.authority))


def test_a_certificate_cannot_sign_others(folder: CertificateFolder) -> None:
    folder.ensure(["catalog", "orders"], now=NOW)
    with pytest.raises((InvalidSignature, ValueError)):
        _load(folder.certificate("orders")).verify_directly_issued_by(_load(folder.certificate("catalog")))
    constraints = _load(folder.certificate("catalog")).extensions.get_extension_for_class(x509.BasicConstraints)
    assert not constraints.value.ca


def test_only_the_owner_reads_keys(folder: CertificateFolder) -> None:
    folder.ensure(["catalog"], now=NOW)
    assert folder.path.stat().st_mode & 0o777 == 0o700
    for file in folder.path.iterdir():
        assert file.stat().st_mode & 0o777 == 0o600, file


def test_the_chassis_finds_what_the_console_made(folder: CertificateFolder) -> None:
    folder.ensure(["catalog"], now=NOW)
    assert Credentials.load(folder.path, "catalog").certificate == folder.certificate("catalog").read_bytes()


@pytest.mark.parametrize(("age", "renewed"), [(timedelta(days=29), []), (timedelta(days=31), ["catalog"])])
def test_certificates_are_renewed_after_thirty_days(
    folder: CertificateFolder, age: timedelta, renewed: list[str]
) -> None:
    folder.ensure(["catalog"], now=NOW)
    assert folder.ensure(["catalog"], now=NOW + age) == renewed


def test_what_is_missing_is_made_and_the_rest_kept(folder: CertificateFolder) -> None:
    folder.ensure(["catalog", "orders"], now=NOW)
    folder.key("orders").unlink()
    assert folder.ensure(["catalog", "orders", "carts"], now=NOW) == ["orders", "carts"]


def test_a_new_authority_makes_every_certificate_new(folder: CertificateFolder) -> None:
    folder.ensure(["catalog"], now=NOW)
    folder.authority.unlink()
    assert folder.ensure(["catalog"], now=NOW) == ["catalog"]
    _load(folder.certificate("catalog")).verify_directly_issued_by(_load(folder.authority))


def test_a_file_is_replaced_whole_with_its_mode(tmp_path: Path) -> None:
    target = tmp_path / "secret"
    target.write_text("old")
    replace_file(target, b"new", mode=0o600)
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [target]
