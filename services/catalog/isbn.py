"""International Standard Book Numbers.

Source of the rules: ISO 2108:2017 for the check digit of thirteen digits, ISO 2108:1992 for that of ten, and the
International ISBN Agency's ISBN Users' Manual for the conversion of ten to thirteen.
"""

from __future__ import annotations

from typing import Final

from bookstore.catalog.v1.catalog_errors import IsbnInvalid

_SEPARATORS: Final = str.maketrans("", "", "- ")
_DIGITS: Final = frozenset("0123456789")
_BOOK_PREFIXES: Final = ("978", "979")
_MUSIC_PREFIX: Final = "9790"  # printed music: ISMN, ISO 10957


def isbn13(text: str) -> str:
    """The ISBN as 13 bare digits, from 10 or 13 digits with any hyphens and spaces; X may be the last of ten.

    Raises IsbnInvalid.
    """
    bare = text.translate(_SEPARATORS).upper()
    body, check = bare[:-1], bare[-1:]
    if len(body) not in (9, 12) or not _DIGITS.issuperset(body):
        raise IsbnInvalid(detail=f"{text!r} is not an ISBN of 10 or 13 digits")
    expected = _check_of_ten(body) if len(body) == 9 else _check_of_thirteen(body)
    if check != expected:
        raise IsbnInvalid(detail=f"{text!r} is not an ISBN: its last digit would have to be {expected}")
    if len(body) == 9:
        body = f"978{body}"
    elif not body.startswith(_BOOK_PREFIXES) or body.startswith(_MUSIC_PREFIX):
        raise IsbnInvalid(detail=f"{text!r} is not the number of a book: those begin with 978 or 979-1 to 979-9")
    return body + _check_of_thirteen(body)


def _check_of_ten(body: str) -> str:
    """Makes the sum of all ten, weighted 10 down to 1, a multiple of 11; X stands for ten."""
    weighted = sum(weight * int(digit) for weight, digit in zip(range(10, 1, -1), body, strict=True))
    return "0123456789X"[-weighted % 11]


def _check_of_thirteen(body: str) -> str:
    """Makes the sum of all thirteen, weighted 1 and 3 in turn, a multiple of 10."""
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
    return str(-weighted % 10)
