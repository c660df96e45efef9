"""The values every domain builds on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.kernel import Caller, Money, SystemIds, check_etag, etag, resource_id, total
from chassis.v1.platform_errors import CurrencyUnknown, EtagMismatch, MixedCurrencies
from chassis.wire import money_from, money_message

amounts = st.integers(min_value=-(10**12), max_value=10**12)
weights = st.lists(st.integers(min_value=0, max_value=10**6), min_size=1, max_size=20)


@given(amounts, weights)
def test_allocated_parts_sum_to_the_whole_and_keep_its_sign(minor: int, shares: list[int]) -> None:
    parts = Money(minor=minor, currency="EUR").allocate(shares)
    assert sum(part.minor for part in parts) == minor
    assert all(part.minor * minor >= 0 for part in parts)


@given(amounts, weights)
def test_an_allocated_part_is_within_one_minor_unit_of_its_exact_share(minor: int, shares: list[int]) -> None:
    equal = shares if any(shares) else [1] * len(shares)
    parts = Money(minor=minor, currency="EUR").allocate(shares)
    assert all(abs(p.minor - minor * s / sum(equal)) <= 1 + 1e-3 for p, s in zip(parts, equal, strict=True))


@given(amounts, st.sampled_from(["EUR", "JPY", "KWD"]))
def test_money_survives_the_wire(minor: int, currency: str) -> None:
    money = Money(minor=minor, currency=currency)
    assert money_from(money_message(money)) == money


def test_an_amount_finer_than_a_cent_is_refused() -> None:
    message = money_message(Money(minor=1, currency="EUR"))
    message.nanos += 1
    with pytest.raises(CurrencyUnknown, match="2 digits") as raised:
        money_from(message, field="book.price")
    assert raised.value.field == "book.price.nanos"


def test_an_unknown_currency_is_refused() -> None:
    message = money_message(Money(minor=1, currency="EUR"))
    message.currency_code = "XXX"
    with pytest.raises(CurrencyUnknown, match="XXX") as raised:
        money_from(message)
    assert raised.value.field == "currency_code"


def test_currencies_do_not_mix() -> None:
    with pytest.raises(MixedCurrencies):
        total([Money(minor=1, currency="EUR"), Money(minor=1, currency="USD")], "EUR")


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(minor=-105, currency="EUR"), "-1.05 EUR"),
        (Money(minor=7, currency="JPY"), "7 JPY"),
        (Money(minor=1500, currency="KWD"), "1.500 KWD"),
    ],
)
def test_money_reads_as_people_write_it(money: Money, text: str) -> None:
    assert str(money) == text


def test_ids_are_distinct_and_of_one_shape() -> None:
    ids = [SystemIds().new() for _ in range(1000)]
    assert len(set(ids)) == 1000
    assert all(len(i) == 26 and i.isalnum() and i == i.lower() for i in ids)


@pytest.mark.parametrize("name", ["users/1", "books/", "books", "books/a/b", "/books/a"])
def test_a_name_of_another_collection_has_no_id(name: str) -> None:
    with pytest.raises(ValueError, match="collection"):
        resource_id("books", name)


def test_an_etag_of_another_version_is_refused_and_an_empty_one_is_not_checked() -> None:
    check_etag("", 3)
    check_etag(etag(3), 3)
    check_etag("3", 3)
    with pytest.raises(EtagMismatch) as raised:
        check_etag(etag(2), 3)
    assert raised.value.metadata["current"] == etag(3)


@pytest.mark.parametrize("given", ["*", 'W/"3"', '"1", "3"', '"1",W/"3", "2"'])
def test_whatever_if_match_may_say_of_the_present_version_holds(given: str) -> None:
    check_etag(given, 3)


@pytest.mark.parametrize("given", ['W/"2"', '"1", "2"', '"33"', '""', ","])
def test_whatever_if_match_may_say_of_other_versions_does_not(given: str) -> None:
    with pytest.raises(EtagMismatch):
        check_etag(given, 3)


def test_an_administrator_is_staff_and_a_customer_is_not() -> None:
    admin = Caller(user="users/1", roles=frozenset({"admin"}))
    assert admin.is_staff
    assert admin.has_any(frozenset({"staff"}))
    assert not Caller(user="users/1", roles=frozenset({"customer"})).is_staff


def test_users_me_is_the_caller() -> None:
    ann = Caller(user="users/ann")
    assert ann.resolve("users/me") == "users/ann"
    assert ann.resolve("users/bob") == "users/bob"
    assert Caller(service="notifications").resolve("users/me") == "users/me"
