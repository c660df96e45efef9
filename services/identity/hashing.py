"""What is kept of a text that must not be readable in the database."""

from __future__ import annotations

import hashlib


def digest(text: str) -> str:
    """SHA-256 in hex. Enough for a refresh token: 256 random bits cannot be guessed, so no slow hash is needed."""
    return hashlib.sha256(text.encode()).hexdigest()
