"""The books of the seed, from `books.json`: one book a line, in the order of their ISBN."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from typing import Any, Final

from bookstore.catalog.v1.book_pb2 import Book, Contributor, Series
from google.type.date_pb2 import Date

from chassis.kernel import Money
from chassis.wire import money_message

CURRENCY: Final = "EUR"
"""Currency of every price of the seed."""

CATEGORIES: Final = frozenset(
    {
        # fiction
        "Adventure",
        "Classics",
        "Comics & Graphic Novels",
        "Drama",
        "Fantasy",
        "Historical Fiction",
        "Horror",
        "Humour",
        "Literary Fiction",
        "Mystery & Crime",
        "Poetry",
        "Romance",
        "Science Fiction",
        "Stories & Essays",
        "Thriller",
        # for whom
        "Children's Books",
        "Young Adult",
        # non-fiction
        "Biography & Memoir",
        "Business & Economics",
        "Computing",
        "Engineering",
        "Food & Drink",
        "History",
        "Nature",
        "Philosophy",
        "Politics & Society",
        "Psychology",
        "Religion",
        "Science",
        "Self-Help",
        "Travel",
        "Writing & Language",
    }
)
"""Every category that a book of the seed may have; each has two or three."""

_DIGITAL: Final = frozenset({"ebook", "audiobook"})


@dataclass(frozen=True, kw_only=True)
class SeedBook:
    """One edition. Roles and formats are the values of the contract in lower case, without their prefix.

    `publish_year` is that of the edition, `page_count` is 0 where unknown or not paged, `series` is a title and the
    place in it, `price_minor` is in cents of CURRENCY, and `stock` is the copies received once.
    """

    isbn13: str
    title: str
    subtitle: str
    contributors: tuple[tuple[str, str], ...]
    """Display name and role."""
    format: str
    publisher: str
    language_code: str
    publish_year: int
    page_count: int
    categories: tuple[str, ...]
    series: tuple[str, int] | None
    description: str
    price_minor: int
    stock: int

    @property
    def name(self) -> str:
        """Resource name: the ISBN is the id."""
        return f"books/{self.isbn13}"

    @property
    def is_digital(self) -> bool:
        """Digital books have no stock."""
        return self.format in _DIGITAL

    @cached_property
    def message(self) -> Book:
        """The book as CreateBook takes it."""
        return Book(
            title=self.title,
            subtitle=self.subtitle,
            contributors=[
                Contributor(display_name=name, role=Contributor.Role.Value(f"ROLE_{role.upper()}"))
                for name, role in self.contributors
            ],
            isbn13=self.isbn13,
            format=Book.Format.Value(f"FORMAT_{self.format.upper()}"),
            publisher=self.publisher,
            language_code=self.language_code,
            publish_date=Date(year=self.publish_year),
            page_count=self.page_count,
            categories=self.categories,
            series=Series(title=self.series[0], position=self.series[1]) if self.series else None,
            description=self.description,
            price=money_message(Money(minor=self.price_minor, currency=CURRENCY)),
        )


def load_books() -> tuple[SeedBook, ...]:
    """All books of the seed, in the order of their ISBN."""
    text = resources.files(__package__).joinpath("books.json").read_text(encoding="utf-8")
    return tuple(_book(fields) for fields in json.loads(text))


def _book(fields: Mapping[str, Any]) -> SeedBook:
    series = fields.get("series")
    return SeedBook(
        isbn13=fields["isbn13"],
        title=fields["title"],
        subtitle=fields.get("subtitle", ""),
        contributors=tuple(
            (contributor["display_name"], contributor["role"]) for contributor in fields["contributors"]
        ),
        format=fields["format"],
        publisher=fields.get("publisher", ""),
        language_code=fields["language_code"],
        publish_year=fields["publish_year"],
        page_count=fields.get("page_count", 0),
        categories=tuple(fields["categories"]),
        series=(series["title"], series["position"]) if series else None,
        description=fields["description"],
        price_minor=fields["price_minor"],
        stock=fields["stock"],
    )
