"""What baskets cost: the rules of pricing, by example and as properties."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.kernel import Money, total
from services.promotions.basket import Item, PricedBasket, Reason
from services.promotions.pricing import price_basket
from services.promotions.promotion import Benefit, BuyXGetY, Condition, Percentage, Promotion, Terms

START = datetime(2026, 1, 1, tzinfo=UTC)
THREE_FOR_TWO = BuyXGetY(buy=2, free=1)


def eur(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def promotion(
    name: str = "p",
    benefit: Benefit = THREE_FOR_TWO,
    *,
    priority: int = 0,
    exclusive: bool = False,
    categories: tuple[str, ...] = (),
    minimum: Money | None = None,
    cap: Money | None = None,
    limit: int | None = None,
    redeemed: int = 0,
) -> Promotion:
    terms = Terms(
        title=f"Promotion {name}",
        benefit=benefit,
        start_time=START,
        priority=priority,
        exclusive=exclusive,
        condition=Condition(categories=categories, min_subtotal=minimum),
        max_discount=cap,
        max_redemptions=limit,
    )
    return Promotion(id=name, terms=terms, create_time=START, update_time=START, redemption_count=redeemed)


def item(book: str, price: int, quantity: int = 1, *categories: str, digital: bool = False) -> Item:
    return Item(
        book=f"books/{book}",
        title=book.title(),
        digital=digital,
        categories=frozenset(category.casefold() for category in categories),
        unit_price=eur(price),
        quantity=quantity,
    )


def priced(items: list[Item], *promotions: Promotion, fee: int = 0) -> PricedBasket:
    return price_basket(items, promotions, currency="EUR", shipping_fee=eur(fee))


def reasons(basket: PricedBasket) -> dict[str, Reason]:
    return {outcome.promotion.id: outcome.reason for outcome in basket.outcomes}


def amounts(basket: PricedBasket) -> dict[str, int]:
    return {outcome.promotion.id: outcome.amount.minor for outcome in basket.outcomes}


@pytest.mark.parametrize(
    ("prices", "off"),
    [
        ([], 0),
        ([1000, 900], 0),
        ([1000, 900, 800], 800),
        ([1000, 900, 800, 700, 600], 800),
        ([600, 700, 800, 900, 1000, 1100], 900 + 600),
        ([500] * 7, 1000),
        ([0, 0, 0], 0),
    ],
)
def test_buy_two_get_one_frees_every_third_by_falling_price(prices: list[int], off: int) -> None:
    basket = priced([item(f"b{i}", price) for i, price in enumerate(prices)], promotion())
    assert basket.discount == eur(off)
    assert basket.total == eur(sum(prices) - off)


def test_buy_x_get_y_frees_full_groups_only() -> None:
    two_of_four = promotion(benefit=BuyXGetY(buy=2, free=2))
    assert priced([item("a", 500, 3)], two_of_four).discount == eur(0)
    assert priced([item("a", 500, 2), item("b", 300, 2)], two_of_four).discount == eur(600)


def test_copies_of_one_line_are_told_apart() -> None:
    basket = priced([item("a", 1000, 3)], promotion())
    (line,) = basket.lines
    assert [(unit.quantity, unit.discount.minor) for unit in line.unit_discounts] == [(2, 0), (1, 1000)]
    assert line.discount == eur(1000)


def test_a_percentage_is_rounded_on_the_sum_and_shared_by_price() -> None:
    basket = priced([item("a", 333, 3), item("b", 1)], promotion(benefit=Percentage(percent=10)))
    assert basket.discount == eur(100)
    assert [line.discount.minor for line in basket.lines] == [100, 0]
    assert [(u.quantity, u.discount.minor) for u in basket.lines[0].unit_discounts] == [(2, 33), (1, 34)]


def test_promotions_that_are_not_exclusive_add_up_in_falling_priority() -> None:
    basket = priced(
        [item("a", 1000), item("b", 900), item("c", 800)],
        promotion("coupon", Percentage(percent=10), priority=50),
        promotion("group", priority=100),
    )
    assert [outcome.promotion.id for outcome in basket.outcomes] == ["group", "coupon"]
    assert amounts(basket) == {"group": 800, "coupon": 190}
    assert basket.total == eur(1710)


def test_equal_priorities_go_by_name() -> None:
    basket = priced(
        [item("a", 1000)],
        promotion("second", Percentage(percent=50)),
        promotion("first", Percentage(percent=10)),
    )
    assert amounts(basket) == {"first": 100, "second": 450}


def test_an_exclusive_promotion_applies_alone_when_it_takes_off_more() -> None:
    half = promotion("half", Percentage(percent=50), exclusive=True)
    tenth = promotion("tenth", Percentage(percent=10), priority=900)
    basket = priced([item("a", 1000, 3)], half, tenth)
    assert reasons(basket) == {"tenth": Reason.EXCLUDED, "half": Reason.APPLIED}
    assert basket.outcomes[0].message == "Does not go together with Promotion half"
    assert priced([item("a", 1000, 3)], half, tenth, promotion("group")).discount == eur(1500)


def test_an_exclusive_promotion_steps_back_when_the_others_take_off_more() -> None:
    tenth = promotion("tenth", Percentage(percent=10), exclusive=True, priority=900)
    assert reasons(priced([item("a", 1000, 3)], tenth, promotion("group"))) == {
        "tenth": Reason.EXCLUDED,
        "group": Reason.APPLIED,
    }


def test_of_equal_combinations_the_higher_priority_is_chosen() -> None:
    basket = priced(
        [item("a", 1000)],
        promotion("low", Percentage(percent=10), exclusive=True, priority=1),
        promotion("high", Percentage(percent=10), exclusive=True, priority=2),
    )
    assert reasons(basket) == {"high": Reason.APPLIED, "low": Reason.EXCLUDED}


def test_only_books_of_the_categories_count_whatever_the_case() -> None:
    fantasy = promotion(categories=("Fantasy",))
    basket = priced([item("a", 1000, 2, "FANTASY"), item("b", 100, 5), item("c", 700, 1, "fantasy")], fantasy)
    assert [line.discount.minor for line in basket.lines] == [0, 0, 700]


def test_a_copy_counts_for_one_group_only() -> None:
    everything, fantasy = promotion("all", priority=1), promotion("fantasy", priority=2, categories=("Fantasy",))
    basket = priced([item("a", 900, 3, "Fantasy"), item("b", 500, 2)], everything, fantasy)
    assert amounts(basket) == {"fantasy": 900, "all": 0}
    assert reasons(basket)["all"] is Reason.EXCLUDED
    # Splitting would free nothing here: one promotion for all copies is better.
    basket = priced([item("a", 900, 2, "Fantasy"), item("b", 500, 2)], everything, fantasy)
    assert amounts(basket) == {"fantasy": 0, "all": 500}


def test_a_cap_cuts_the_discount_and_shares_what_is_left_of_it() -> None:
    basket = priced([item("a", 1000, 6)], promotion(cap=eur(501)))
    assert basket.discount == eur(501)
    assert [(u.quantity, u.discount.minor) for u in basket.lines[0].unit_discounts] == [(4, 0), (1, 250), (1, 251)]


def test_each_reason_names_what_is_missing() -> None:
    books = [item("a", 1000, 2, "Poetry")]
    for offer, reason, message in (
        (promotion(), Reason.NOT_ENOUGH_COPIES, "Add 1 more book and the cheapest is free"),
        (promotion(benefit=BuyXGetY(buy=2, free=2), categories=("Poetry",)), Reason.NOT_ENOUGH_COPIES,
         "Add 2 more books of Poetry and the 2 cheapest are free"),
        (promotion(categories=("Fantasy", "Horror")), Reason.NO_MATCHING_BOOK,
         "There is no book of Fantasy or Horror in the basket"),
        (promotion(minimum=eur(2550)), Reason.SUBTOTAL_TOO_LOW, "Add books for 5.50 EUR more"),
        (promotion(minimum=Money(minor=1, currency="USD")), Reason.OTHER_CURRENCY, "Not for prices in EUR"),
        (promotion(cap=Money(minor=1, currency="USD")), Reason.OTHER_CURRENCY, "Not for prices in EUR"),
        (promotion(limit=2, redeemed=2), Reason.COUPON_EXHAUSTED, "The coupon was used as often as allowed"),
    ):  # fmt: skip
        (outcome,) = priced(books, offer).outcomes
        assert (outcome.reason, outcome.message) == (reason, message)
        assert outcome.amount == eur(0)


def test_nothing_is_left_after_all_is_off() -> None:
    everything = promotion("everything", Percentage(percent=100), priority=9)
    assert reasons(priced([item("a", 1000, 3)], everything, promotion("tenth", Percentage(percent=10)))) == {
        "everything": Reason.APPLIED,
        "tenth": Reason.NOTHING_LEFT,
    }


def test_an_empty_basket_costs_nothing() -> None:
    basket = priced([], promotion(), promotion("tenth", Percentage(percent=10)), fee=490)
    assert (basket.total, basket.discount, basket.shipping, basket.lines) == (eur(0), eur(0), eur(0), ())
    assert reasons(basket) == {"p": Reason.NOT_ENOUGH_COPIES, "tenth": Reason.NOTHING_LEFT}


def test_only_paper_is_shipped() -> None:
    assert priced([item("file", 500, digital=True)], fee=490).total == eur(500)
    assert priced([item("file", 500, digital=True), item("paper", 500)], fee=490).total == eur(1490)


# --- properties ------------------------------------------------------------------------------------------------------

CATEGORIES = ("fantasy", "poetry", "crime")
prices = st.one_of(st.integers(0, 30), st.integers(0, 3000), st.sampled_from([999, 1000, 1250]))
moneys = st.none() | st.integers(1, 4000).map(eur)
benefits = st.one_of(
    st.builds(BuyXGetY, buy=st.integers(1, 3), free=st.integers(1, 2)),
    st.builds(Percentage, percent=st.sampled_from([1, 5, 10, 15, 33, 50, 99, 100])),
)
offers = st.lists(
    st.builds(
        promotion,
        st.sampled_from("abcdef"),
        benefits,
        priority=st.integers(0, 3),
        exclusive=st.booleans(),
        categories=st.lists(st.sampled_from(CATEGORIES), max_size=2, unique=True).map(tuple),
        minimum=moneys,
        cap=moneys,
    ),
    max_size=5,
    unique_by=lambda offer: offer.id,
)


def items_of_any_kind(book: str) -> st.SearchStrategy[Item]:
    kinds = st.lists(st.sampled_from(CATEGORIES), max_size=2, unique=True)
    return st.builds(
        lambda price, quantity, categories: item(book, price, quantity, *categories), prices, st.integers(1, 4), kinds
    )


def baskets() -> st.SearchStrategy[list[Item]]:
    return (
        st.integers(0, 6)
        .flatmap(lambda count: st.tuples(*(items_of_any_kind(f"b{i}") for i in range(count))))
        .map(list)
    )


@given(baskets(), offers, st.randoms(use_true_random=False))
def test_the_order_of_lines_and_promotions_does_not_matter(
    items: list[Item], promotions: list[Promotion], shuffle: random.Random
) -> None:
    before = priced(items, *promotions)
    shuffle.shuffle(items)
    shuffle.shuffle(promotions)
    after = priced(items, *promotions)
    assert Counter(after.lines) == Counter(before.lines)
    assert after.outcomes == before.outcomes
    assert after.total == before.total


@given(baskets(), offers)
def test_no_copy_costs_less_than_zero_and_every_sum_adds_up(items: list[Item], promotions: list[Promotion]) -> None:
    basket = priced(items, *promotions)
    for line in basket.lines:
        assert sum(unit.quantity for unit in line.unit_discounts) == line.item.quantity
        assert [unit.discount for unit in line.unit_discounts] == sorted(unit.discount for unit in line.unit_discounts)
        assert all(eur(0) <= unit.discount <= line.item.unit_price for unit in line.unit_discounts)
    assert total((line.discount for line in basket.lines), "EUR") == basket.discount
    assert total((outcome.amount for outcome in basket.outcomes), "EUR") == basket.discount
    assert basket.total == basket.subtotal - basket.discount
    for outcome in basket.outcomes:
        assert (outcome.reason is Reason.APPLIED) == bool(outcome.amount)
        assert eur(0) <= outcome.amount <= (outcome.promotion.terms.max_discount or basket.subtotal)


@settings(max_examples=300)
@given(baskets(), offers, items_of_any_kind("new"), st.data())
def test_adding_a_copy_never_raises_the_total_by_more_than_its_price(
    items: list[Item], promotions: list[Promotion], new: Item, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(items)))
    if index == len(items):
        more, price = [*items, replace(new, quantity=1)], new.unit_price
    else:
        added = replace(items[index], quantity=items[index].quantity + 1)
        more, price = [*items[:index], added, *items[index + 1 :]], added.unit_price
    assert priced(more, *promotions).total <= priced(items, *promotions).total + price


@given(baskets(), offers, st.randoms(use_true_random=False))
def test_refunds_of_single_copies_in_any_order_sum_to_the_charge(
    items: list[Item], promotions: list[Promotion], shuffle: random.Random
) -> None:
    basket = priced(items, *promotions)
    paid = [
        line.item.unit_price - unit.discount
        for line in basket.lines
        for unit in line.unit_discounts
        for _ in range(unit.quantity)
    ]
    shuffle.shuffle(paid)
    left = basket.total
    for amount in paid:
        left -= amount
        assert left >= eur(0)
    assert left == eur(0)


@given(st.lists(prices, max_size=12), st.integers(1, 3), st.integers(1, 2))
def test_buy_x_get_y_agrees_with_counting_on_fingers(values: list[int], buy: int, free: int) -> None:
    falling = sorted(values, reverse=True)
    full = len(falling) // (buy + free)
    groups = [falling[i * (buy + free) : (i + 1) * (buy + free)] for i in range(full)]
    offer = promotion(benefit=BuyXGetY(buy=buy, free=free))
    basket = priced([item(f"b{i}", value) for i, value in enumerate(values)], offer)
    assert basket.discount.minor == sum(chain.from_iterable(group[buy:] for group in groups))


@given(baskets(), st.integers(1, 3), st.integers(1, 2))
def test_a_hint_for_more_copies_is_right(items: list[Item], buy: int, free: int) -> None:
    offer = promotion(benefit=BuyXGetY(buy=buy, free=free))
    (outcome,) = priced(items, offer).outcomes
    if outcome.reason is Reason.NOT_ENOUGH_COPIES:
        lacking = int(outcome.message.split()[1])
        assert reasons(priced([*items, item("z", 1, lacking)], offer))["p"] in {Reason.APPLIED, Reason.NOTHING_LEFT}
        if lacking > 1:
            fewer = priced([*items, item("z", 1, lacking - 1)], offer)
            assert reasons(fewer)["p"] is Reason.NOT_ENOUGH_COPIES
