"""The books, promotions and customers of the seed: real in form, and such that the contract takes them."""

from __future__ import annotations

import re
import stat
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import protovalidate
from bookstore.catalog.v1.catalog_service_pb2 import CreateBookRequest
from bookstore.promotions.v1.promotions_service_pb2 import CreatePromotionRequest

from chassis.kernel import Money
from chassis.wire import money_from
from tools.console.seed.books import CATEGORIES, SeedBook, load_books
from tools.console.seed.customers import CUSTOMERS, PasswordFile
from tools.console.seed.promotions import COUPON, PROMOTIONS

BOOKS = load_books()


def check_digit(first_twelve: str) -> str:
    """Weights 1 and 3 in turn, complement to ten (ISBN Users' Manual, 7th edition, appendix 1)."""
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(first_twelve))
    return str(-weighted % 10)


def texts(book: SeedBook) -> list[str]:
    return [book.title, book.subtitle, book.publisher, book.description, *(name for name, _ in book.contributors)]


def breaking(rule: Callable[[SeedBook], bool]) -> list[str]:
    """ISBN and title of the books that do not keep a rule."""
    return [f"{book.isbn13} {book.title}" for book in BOOKS if not rule(book)]


def test_there_are_at_least_250_books_each_of_its_own_isbn_in_order() -> None:
    isbns = [book.isbn13 for book in BOOKS]
    assert len(isbns) >= 250
    assert isbns == sorted(set(isbns))


def test_no_work_is_there_twice() -> None:
    works = Counter((book.title.casefold(), book.contributors[0]) for book in BOOKS)
    assert [work for work, count in works.items() if count > 1] == []


def test_isbns_have_thirteen_digits_and_the_right_check_digit() -> None:
    assert breaking(lambda book: re.fullmatch("97[89][0-9]{10}", book.isbn13) is not None) == []
    assert breaking(lambda book: book.isbn13[-1] == check_digit(book.isbn13[:12])) == []


def test_years_prices_copies_and_pages_are_in_range() -> None:
    assert breaking(lambda book: 1950 <= book.publish_year <= 2026) == []
    assert breaking(lambda book: 499 <= book.price_minor <= 4999) == []
    assert breaking(lambda book: 0 <= book.stock <= 60) == []
    assert breaking(lambda book: 0 <= book.page_count <= 2000) == []


def test_every_book_has_publisher_author_and_one_sentence() -> None:
    assert breaking(lambda book: bool(book.publisher)) == []
    assert breaking(lambda book: any(role == "author" for _, role in book.contributors)) == []
    assert breaking(lambda book: 8 <= len(book.description.split()) <= 22 and book.description.endswith(".")) == []


def test_titles_carry_no_series_and_no_text_has_stray_space() -> None:
    assert breaking(lambda book: not set(book.title) & set("(#)")) == []
    assert breaking(lambda book: all(text == " ".join(text.split()) for text in texts(book))) == []


def test_categories_are_two_or_three_different_ones_from_the_list() -> None:
    assert breaking(lambda book: 2 <= len(set(book.categories)) == len(book.categories) <= 3) == []
    assert breaking(lambda book: set(book.categories) <= CATEGORIES) == []


def test_every_category_of_the_list_is_used() -> None:
    assert {category for book in BOOKS for category in book.categories} == CATEGORIES


def test_digital_books_have_neither_stock_nor_pages() -> None:
    digital = [book for book in BOOKS if book.is_digital]
    assert {book.format for book in digital} == {"ebook", "audiobook"}
    assert {(book.stock, book.page_count) for book in digital} == {(0, 0)}


def test_the_shop_has_variety() -> None:
    assert {book.format for book in BOOKS} == {"hardcover", "paperback", "ebook", "audiobook"}
    assert len({book.language_code.partition("-")[0] for book in BOOKS}) >= 10
    printed_stocks = {book.stock for book in BOOKS if not book.is_digital}
    assert {0, 1, 2} < printed_stocks
    assert len({book.price_minor for book in BOOKS}) >= 50


def test_the_contract_takes_every_book() -> None:
    requests = {book: CreateBookRequest(book=book.message, book_id=book.isbn13) for book in BOOKS}
    assert breaking(lambda book: not protovalidate.collect_violations(requests[book])) == []


def test_prices_reach_the_contract_in_full() -> None:
    assert breaking(lambda book: money_from(book.message.price) == Money(minor=book.price_minor, currency="EUR")) == []


def test_the_contract_takes_the_promotions() -> None:
    for promotion in PROMOTIONS:
        promotion_id = promotion.name.removeprefix("promotions/")
        request = CreatePromotionRequest(promotion=promotion, promotion_id=promotion_id)
        assert protovalidate.collect_violations(request) == []


def test_only_buy_two_get_one_free_needs_no_coupon() -> None:
    open_to_all = [promotion.name for promotion in PROMOTIONS if not promotion.coupon_code]
    assert open_to_all == ["promotions/buy-two-get-one-free"]
    assert [promotion.coupon_code for promotion in PROMOTIONS if promotion.coupon_code] == [COUPON]


def test_there_are_three_customers_with_addresses_of_the_example_domain() -> None:
    emails = {customer.email for customer in CUSTOMERS}
    assert len(emails) == 3
    assert all(email.endswith("@bookstore.example") for email in emails)


def test_password_file_is_read_back_and_private(tmp_path: Path) -> None:
    file = PasswordFile(tmp_path / "data" / "demo-customers")
    assert file.read() == {}
    file.write({"ben@bookstore.example": "b-secret", "ada@bookstore.example": "a-secret"})
    assert file.path.read_text() == "ada@bookstore.example a-secret\nben@bookstore.example b-secret\n"
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    assert file.read() == {"ada@bookstore.example": "a-secret", "ben@bookstore.example": "b-secret"}
    file.write({})
    assert not file.path.exists()
