"""Lists and maps are measured before their items are looked at, and an error stays small."""

from __future__ import annotations

import time
from typing import Any

import pytest
from bookstore.catalog.v1.catalog_service_pb2 import GetBookRequest
from bookstore.promotions.v1.promotions_service_pb2 import BasketLine, PriceBasketRequest

from chassis.errors import MAX_VIOLATIONS, FieldInvalid, status_of
from chassis.interceptors.sizes import FOREIGN_LIMIT, SizeCheck
from tests.sample_protos import Folder
from tools.codegen import sizes

check = SizeCheck(Folder.DESCRIPTOR)


def folders(count: int) -> list[Any]:
    return [Folder(name=f"f{index}") for index in range(count)]


def test_everything_within_its_limits_passes() -> None:
    inner = Folder(folders=folders(3), by_label={"a": Folder(), "b": Folder()}, texts=["x"] * FOREIGN_LIMIT)
    check(Folder(folders=[inner, inner, inner], by_label={"a": inner}, parent=inner))
    check(Folder())


@pytest.mark.parametrize(
    ("request_", "field", "description"),
    [
        (Folder(folders=folders(4)), "folders", "must have at most 3 items, not 4"),
        (
            Folder(by_label={"a": Folder(), "b": Folder(), "c": Folder()}),
            "by_label",
            "must have at most 2 entries, not 3",
        ),
        (Folder(parent=Folder(folders=folders(4))), "parent.folders", "must have at most 3 items, not 4"),
        (
            Folder(folders=[Folder(), Folder(folders=folders(5))]),
            "folders[1].folders",
            "must have at most 3 items, not 5",
        ),
        (
            Folder(by_label={"a": Folder(folders=folders(4))}),
            "by_label['a'].folders",
            "must have at most 3 items, not 4",
        ),
        (Folder(texts=["x"] * 1001), "texts", "must have at most 1000 items, not 1001"),
    ],
)
def test_a_list_over_its_limit_is_named(request_: Any, field: str, description: str) -> None:
    with pytest.raises(FieldInvalid) as raised:
        check(request_)
    assert raised.value.violations == [(field, description)]


def test_every_list_of_a_message_is_named_but_nothing_inside_them() -> None:
    with pytest.raises(FieldInvalid) as raised:
        check(Folder(folders=[Folder(folders=folders(4))] * 4, texts=["x"] * 1001))
    assert [field for field, _ in raised.value.violations] == ["folders", "texts"]


def test_the_edge_has_the_same_limit_for_messages_that_are_not_ours() -> None:
    assert sizes.FOREIGN_LIMIT == FOREIGN_LIMIT


def cpu_seconds(work: Any, times: int) -> float:
    started = time.thread_time()
    for _ in range(times):
        work()
    return (time.thread_time() - started) / times


def test_the_length_of_a_list_does_not_matter() -> None:
    """Reading 330,000 items took 27 s; a hundredth of a second is a thousand times what the check takes."""
    check_basket = SizeCheck(PriceBasketRequest.DESCRIPTOR)
    huge = PriceBasketRequest(coupons=[""] * 330_000)

    def reject() -> None:
        with pytest.raises(FieldInvalid, match="coupons: must have at most 10 items, not 330000"):
            check_basket(huge)

    assert cpu_seconds(reject, 20) < 0.01
    lines = PriceBasketRequest(lines=[BasketLine(book="books/emma", quantity=1)] * 100)
    assert cpu_seconds(lambda: check_basket(lines), 20) < 0.001
    check_book, book = SizeCheck(GetBookRequest.DESCRIPTOR), GetBookRequest(name="books/emma")
    assert cpu_seconds(lambda: check_book(book), 1000) < 0.0001


def test_an_error_lists_at_most_twenty_violations_and_says_how_many_there_are() -> None:
    error = FieldInvalid([(f"lines[{index}].book", "is wrong") for index in range(100)])
    assert error.violations == [(f"lines[{index}].book", "is wrong") for index in range(MAX_VIOLATIONS)]
    assert error.message.startswith("lines[0].book: is wrong; ")
    assert error.message.endswith("lines[4].book: is wrong; and 95 more; the details list the first 20")
    few = FieldInvalid([("a", "is wrong"), ("b", "is blank")])
    assert few.message == "a: is wrong; b: is blank"


def test_an_error_repeats_only_the_beginning_of_what_was_sent() -> None:
    error = FieldInvalid([("x" * 1_000_000, "y" * 1_000_000)] * 1000)
    assert len(status_of(error).SerializeToString()) < 16_000
