"""Etags (AIP-154): a resource's version as an opaque text."""

from __future__ import annotations

from chassis.v1.platform_errors import EtagMismatch

ANY = "*"
"""Stands in If-Match for every version."""


def etag(version: int) -> str:
    """The etag of the given version of a resource, quoted as HTTP wants it (RFC 9110, section 8.8.3)."""
    return f'"{version}"'


def check_etag(given: str, version: int) -> None:
    """Compares what a caller sent with the present version; an empty text asks for no check.

    It may be anything that If-Match may: one etag, several with commas between, or `*`. Weak ones (`W/"3"`) count like
    strong ones: a proxy that compresses a response weakens its etag, and what a version stands for stays the same.
    Raises EtagMismatch.
    """
    tags = [tag.strip().removeprefix("W/").strip('"') for tag in given.split(",")]
    if given and ANY not in tags and str(version) not in tags:
        raise EtagMismatch(current=etag(version))
