"""Resource names (AIP-122): `books/9780141439518`, `users/me`."""

from __future__ import annotations


def resource_id(collection: str, name: str) -> str:
    """The id in a resource name: `resource_id("books", "books/x")` is `x`.

    Raises ValueError when `name` is not of that collection; the contract's rules refuse such names earlier.
    """
    prefix, separator, identifier = name.partition("/")
    if prefix != collection or not separator or not identifier or "/" in identifier:
        raise ValueError(f"{name!r} is not a name of the collection {collection!r}")
    return identifier
