"""Carts: limits, merging and settling, by example and as properties."""

from __future__ import annotations

import pytest
from bookstore.carts.v1.carts_errors import CartFull, CouponLimit, CurrencyMismatch, ItemNotFound, QuantityLimit
from hypothesis import given
from hypothesis import strategies as st

from services.carts.cart import MOST_COPIES, MOST_COUPONS, MOST_LINES, Cart, Line, LossReason, MergeLoss, Seen


def cart(*coupons: str, **quantities: int) -> Cart:
    lines = tuple(Line(book=f"books/{book}", quantity=quantity) for book, quantity in quantities.items())
    return Cart(id="c", guest=False, lines=lines, coupons=coupons)


def test_copies_of_a_book_add_up_on_one_line() -> None:
    filled = cart(emma=1, dune=1).add("books/emma", 2).add("books/ulysses", 1)
    assert list(filled.quantities.items()) == [("books/emma", 3), ("books/dune", 1), ("books/ulysses", 1)]


def test_a_line_holds_99_copies() -> None:
    assert cart(emma=98).add("books/emma", 1).quantities == {"books/emma": MOST_COPIES}
    with pytest.raises(QuantityLimit) as refusal:
        cart(emma=98).add("books/emma", 2)
    assert refusal.value.metadata == {"book": "books/emma", "limit": "99"}


def test_a_cart_holds_100_books() -> None:
    full = cart(**{f"b{number}": 1 for number in range(MOST_LINES)})
    assert full.add("books/b7", 1).quantities["books/b7"] == 2
    with pytest.raises(CartFull):
        full.add("books/one-more", 1)


def test_only_a_book_in_the_cart_can_be_changed() -> None:
    assert cart(emma=1, dune=2).put("books/emma", 5).quantities == {"books/emma": 5, "books/dune": 2}
    with pytest.raises(ItemNotFound):
        cart(emma=1).put("books/dune", 1)
    assert cart(emma=1).remove("books/dune") == cart(emma=1)


def test_a_cart_holds_10_coupons_each_once() -> None:
    full = cart(*(f"C{number}" for number in range(MOST_COUPONS)))
    assert full.enter("C3") == full
    with pytest.raises(CouponLimit):
        full.enter("ONE-MORE")
    assert full.withdraw("C3").withdraw("UNKNOWN").coupons == tuple(c for c in full.coupons if c != "C3")
    assert full.clear() == cart()


def test_a_cart_has_one_currency() -> None:
    mixed = cart(emma=1, dune=1).see({"books/emma": Seen(title="Emma", currency="EUR")})
    mixed.require_one_currency()
    with pytest.raises(CurrencyMismatch) as refusal:
        mixed.see({"books/dune": Seen(title="Dune", currency="USD")}).require_one_currency()
    assert refusal.value.metadata == {"book": "books/dune", "currency": "USD", "other": "EUR"}


def test_merging_sums_copies_and_keeps_coupons() -> None:
    merged, losses = cart("OWN", emma=1).take_in(cart("GUEST", "OWN", dune=2, emma=2))
    assert list(merged.quantities.items()) == [("books/emma", 3), ("books/dune", 2)]
    assert merged.coupons == ("OWN", "GUEST")
    assert losses == ()


def test_merging_names_what_does_not_fit() -> None:
    own = cart(*(f"C{number}" for number in range(MOST_COUPONS)), **{f"b{number}": 60 for number in range(MOST_LINES)})
    merged, losses = own.take_in(cart("NEW", b1=50, dune=3))
    assert merged.quantities == {**own.quantities, "books/b1": MOST_COPIES}
    assert losses == (
        MergeLoss(reason=LossReason.QUANTITY_LIMIT, book="books/b1", quantity=11),
        MergeLoss(reason=LossReason.CART_FULL, book="books/dune", quantity=3),
        MergeLoss(reason=LossReason.COUPON_LIMIT, coupon="NEW"),
    )


def test_what_was_added_after_ordering_stays() -> None:
    left = cart("USED", "KEPT", emma=3, dune=1).settle({"books/emma": 2, "books/dune": 5}, frozenset({"USED"}))
    assert left == cart("KEPT", emma=1)


quantities = st.dictionaries(st.sampled_from([f"b{number}" for number in range(130)]), st.integers(1, 99), max_size=100)
coupons = st.lists(st.sampled_from([f"C{number}" for number in range(14)]), max_size=10, unique=True)
carts = st.builds(lambda codes, copies: cart(*codes, **copies), coupons, quantities)


@given(carts, carts)
def test_merging_loses_nothing_unnamed_and_keeps_the_limits(own: Cart, guest: Cart) -> None:
    merged, losses = own.take_in(guest)
    assert len(merged.lines) <= MOST_LINES
    assert len(merged.coupons) <= MOST_COUPONS
    assert all(1 <= line.quantity <= MOST_COPIES for line in merged.lines)
    lost = {loss.book: loss.quantity for loss in losses if loss.book}
    for book in own.quantities.keys() | guest.quantities.keys():
        brought = own.quantities.get(book, 0) + guest.quantities.get(book, 0)
        assert merged.quantities.get(book, 0) + lost.get(book, 0) == brought
    assert {*merged.coupons, *(loss.coupon for loss in losses if loss.coupon)} == {*own.coupons, *guest.coupons}
    assert list(merged.quantities)[: len(own.lines)] == list(own.quantities)
