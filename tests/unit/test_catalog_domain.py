"""Rules of the catalog: ISBNs, partial dates, the life of a book."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from bookstore.catalog.v1.catalog_errors import BookDeleted, IsbnInvalid, PublishDateInvalid
from hypothesis import given
from hypothesis import strategies as st

from chassis.kernel import Money, etag
from chassis.v1.platform_errors import EtagMismatch
from services.catalog.book import Book, Edition, Format, PartialDate
from services.catalog.isbn import isbn13
from services.catalog.store import folded

NOW = datetime(2026, 1, 2, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
EDITION = Edition(
    title="Pride and Prejudice",
    isbn13="9780141439518",
    format=Format.PAPERBACK,
    price=Money(minor=899, currency="EUR"),
)
BOOK = Book(id="pride", edition=EDITION, create_time=NOW, update_time=NOW)

nine_digits = st.text(alphabet="0123456789", min_size=9, max_size=9)


def valid_thirteen(nine: str) -> str:
    """The one ISBN of 13 digits that begins with 978 and the nine digits, found by trying all last digits."""
    body = f"978{nine}"
    for last in "0123456789":
        weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body + last))
        if weighted % 10 == 0:
            return body + last
    raise AssertionError(body)


def valid_ten(nine: str) -> str:
    """The one ISBN of 10 digits that begins with the nine digits, found by trying all last digits."""
    for value, last in enumerate("0123456789X"):
        if (sum((10 - place) * int(digit) for place, digit in enumerate(nine)) + value) % 11 == 0:
            return nine + last
    raise AssertionError(nine)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("9780141439518", "9780141439518"),
        ("978-0-14-143951-8", "9780141439518"),
        ("978 0 14 143951 8", "9780141439518"),
        ("0-14-143951-3", "9780141439518"),
        ("080442957X", "9780804429573"),
        ("080442957x", "9780804429573"),
        ("979-10-90636-07-1", "9791090636071"),
    ],
)
def test_an_isbn_is_normalised_to_thirteen_bare_digits(text: str, expected: str) -> None:
    assert isbn13(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "9780141439519",  # check digit
        "0141439514",  # check digit of ten
        "X141439513",  # X anywhere but last
        "978014143951X",  # X in thirteen
        "978014143951",  # twelve digits
        "5901234123457",  # a valid EAN of something else
        "9790060115615",  # a valid ISMN: printed music
        "٩٧٨٠١٤١٤٣٩٥١٨",  # digits of another script
    ],
)
def test_what_is_no_isbn_of_a_book_is_refused_and_the_field_named(text: str) -> None:
    with pytest.raises(IsbnInvalid) as caught:
        isbn13(text)
    assert caught.value.field == "book.isbn13"


@given(nine_digits)
def test_ten_and_thirteen_digits_of_one_book_are_the_same_isbn(nine: str) -> None:
    assert isbn13(valid_ten(nine)) == isbn13(valid_thirteen(nine)) == valid_thirteen(nine)


@given(nine_digits, st.integers(0, 12), st.integers(1, 9))
def test_one_wrong_digit_is_always_noticed(nine: str, place: int, shift: int) -> None:
    right = valid_thirteen(nine)
    wrong = right[:place] + str((int(right[place]) + shift) % 10) + right[place + 1 :]
    with pytest.raises(IsbnInvalid):
        isbn13(wrong)


@pytest.mark.parametrize(("year", "month", "day"), [(2001, 0, 0), (2001, 5, 0), (2001, 5, 30), (2024, 2, 29)])
def test_a_date_may_be_a_year_a_month_or_a_day(year: int, month: int, day: int) -> None:
    assert PartialDate(year=year, month=month, day=day).year == year


@pytest.mark.parametrize(
    ("year", "month", "day"),
    [
        (2023, 2, 29),
        (2001, 4, 31),
        (1900, 2, 29),
        (2001, 13, 1),
        (2001, 0, 5),
        (0, 1, 1),
        (10_000, 1, 1),
        (2001, 1, -1),
    ],
)
def test_a_date_the_calendar_does_not_have_is_refused(year: int, month: int, day: int) -> None:
    with pytest.raises(PublishDateInvalid):
        PartialDate(year=year, month=month, day=day)


@pytest.mark.parametrize(
    ("kind", "digital"),
    [(Format.HARDCOVER, False), (Format.PAPERBACK, False), (Format.EBOOK, True), (Format.AUDIOBOOK, True)],
)
def test_files_are_digital(kind: Format, *, digital: bool) -> None:
    assert kind.digital is digital


def test_a_revision_makes_the_next_version() -> None:
    revised = BOOK.revise(replace(EDITION, title="Emma"), etag=etag(1), now=LATER)
    assert (revised.edition.title, revised.version, revised.update_time) == ("Emma", 2, LATER)
    assert (revised.create_time, revised.name) == (NOW, "books/pride")


def test_a_revision_without_a_difference_is_the_same_book() -> None:
    assert BOOK.revise(replace(EDITION), etag="", now=LATER) is BOOK


def test_a_book_is_deleted_and_brought_back_once() -> None:
    deleted = BOOK.delete(etag=etag(1), now=LATER)
    assert (deleted.deleted, deleted.delete_time, deleted.version) == (True, LATER, 2)
    assert deleted.delete(etag="stale", now=LATER) is deleted
    back = deleted.undelete(etag=etag(2), now=LATER)
    assert (back.deleted, back.delete_time, back.version) == (False, None, 3)
    assert back.undelete(etag="stale", now=LATER) is back


def test_a_deleted_book_cannot_be_changed() -> None:
    deleted = BOOK.delete(etag="", now=LATER)
    with pytest.raises(BookDeleted):
        deleted.revise(EDITION, etag="", now=LATER)


def test_a_stale_etag_is_refused_whatever_the_change() -> None:
    deleted = BOOK.delete(etag="", now=LATER)
    with pytest.raises(EtagMismatch):
        BOOK.revise(replace(EDITION, title="Emma"), etag=etag(7), now=LATER)
    with pytest.raises(EtagMismatch):
        BOOK.delete(etag=etag(7), now=LATER)
    with pytest.raises(EtagMismatch):
        deleted.undelete(etag=etag(1), now=LATER)


def test_texts_compare_without_regard_to_case_and_composition() -> None:
    assert folded("LES MISE\u0301RABLES") == folded("les mis\u00e9rables")


@given(st.text(max_size=600))
def test_a_folded_text_fits_an_index(text: str) -> None:
    assert len(folded(text)) <= 500
