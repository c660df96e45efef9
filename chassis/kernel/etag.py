"""Etags (AIP-154): a resource's version as an opaque text."""

from __future__ import annotations

from chassis.v1.platform_errors import EtagMismatch


def etag(version: int) -> str:
    """The etag of the given version of a resource, quoted as HTTP wants it (RFC 9110, section 8.8.3)."""
    return f'"{version}"'


def check_etag(given: str, version: int) -> None:
    """Compares the etag a caller sent with the present version; an empty one asks for no check.

    Raises EtagMismatch.
    """
    if given and given.strip('"') != str(version):
        raise EtagMismatch(current=etag(version))
