"""Paging on real databases: a walk meets each row once, whatever the order and whatever is inserted meanwhile."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Column, Date, Integer, MetaData, Table, Text, bindparam, delete, insert, select

from chassis.contract import ContractIncomplete
from chassis.database import Database, Instant, RowCodec
from chassis.database.listing import Listing
from chassis.errors import FieldInvalid
from chassis.filtering import number_field
from chassis.paging import Order, OrderKey, Page, PageRequest, page_request
from chassis.v1.platform_errors import PageTokenInvalid
from tests.sample_protos import ListThingsRequest, ListUncappedRequest

metadata = MetaData()
things = Table(
    "things",
    metadata,
    Column("name", Text, primary_key=True),
    Column("size", Integer, nullable=False),
    Column("made", Instant, nullable=False),
    Column("day", Date),
)
START = datetime(2026, 1, 1, tzinfo=UTC)
NAME = OrderKey(column=things.c.name)


@dataclass(frozen=True)
class Named:
    name: str


LISTING = Listing(
    RowCodec(Named, things),
    key=things.c.name,
    sortable={column.name: column for column in things.c},
    default="name",
    filterable={"size": number_field(things.c.size)},
    conditions={"least": things.c.size >= bindparam("least"), "dated": things.c.day.is_not(None)},
)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, name="test")
    metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder: Path = tmp_path_factory.mktemp("paging")
    database = Database(f"sqlite:///{folder / 'test.sqlite3'}", name="test")
    metadata.create_all(database.engine)
    yield database
    database.close()


def thing(name: str, size: int = 0, minutes: int = 0, day: date | None = None) -> dict[str, Any]:
    return {"name": name, "size": size, "made": START + timedelta(minutes=minutes), "day": day}


def fill(database: Database, *rows: Mapping[str, Any]) -> None:
    database.transact(lambda tx: [tx.execute(insert(things), dict(row)) for row in rows])


def page_of(database: Database, order: Order, size: int, token: str = "", arguments: str = "same") -> Page[str]:
    asked = PageRequest(size=size, token=token, arguments=arguments)
    order_by = ", ".join(f"{key.column.key}{' desc' if key.descending else ''}" for key in order)
    return database.read(lambda tx: LISTING.page(tx, asked, order_by=order_by)).map(lambda row: row.name)


def walk(database: Database, order: Order, size: int) -> list[str]:
    names: list[str] = []
    token = ""
    while True:
        page = page_of(database, order, size, token)
        assert len(page.items) <= size
        names += page.items
        token = page.next_page_token
        if not token:
            return names


rows = st.lists(
    st.builds(
        thing,
        name=st.text(alphabet="abcé 0", min_size=1, max_size=3),
        size=st.integers(-2, 2),
        minutes=st.integers(-1, 1),
        day=st.none() | st.dates(date(2026, 1, 1), date(2026, 1, 2)),
    ),
    max_size=25,
    unique_by=lambda row: row["name"],
)
keys = st.lists(
    st.builds(OrderKey, column=st.sampled_from([things.c.size, things.c.made, things.c.day]), descending=st.booleans()),
    max_size=3,
    unique_by=lambda key: key.column.name,
)
last_keys = st.builds(OrderKey, column=st.just(things.c.name), descending=st.booleans())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(first=rows, later=rows, order=st.tuples(keys, last_keys), size=st.integers(1, 7))
def test_a_walk_meets_each_row_once_in_order_even_under_inserts(
    sqlite: Database,
    first: list[dict[str, Any]],
    later: list[dict[str, Any]],
    order: tuple[list[OrderKey], OrderKey],
    size: int,
) -> None:
    whole: Order = (*order[0], order[1])
    sqlite.transact(lambda tx: tx.execute(delete(things)))
    fill(sqlite, *first)
    there = [row["name"] for row in first]
    waiting = [row for row in later if row["name"] not in there]
    seen: list[str] = []
    token = ""
    while True:
        page = page_of(sqlite, whole, size, token)
        seen += page.items
        token = page.next_page_token
        if not token:
            break
        if waiting:
            fill(sqlite, waiting.pop())
    assert len(seen) == len(set(seen))
    assert set(there) <= set(seen)
    in_order = sqlite.read(
        lambda tx: tx.execute(select(things.c.name).order_by(*(key.clause() for key in whole))).scalars().all()
    )
    assert [name for name in in_order if name in set(seen)] == seen


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("column", [things.c.size, things.c.made, things.c.day, things.c.name])
def test_every_type_of_column_can_be_walked_on_both_engines(
    database: Database, column: Column[Any], descending: bool
) -> None:
    days = [None, date(2026, 1, 1), None, date(2026, 1, 2)]
    fill(database, *(thing(f"t{number}", number % 3, number % 2, days[number % 4]) for number in range(9)))
    order: Order = (OrderKey(column=column, descending=descending),)
    if column is not things.c.name:
        order = (*order, NAME)
    expected = database.read(
        lambda tx: tx.execute(select(things.c.name).order_by(*(key.clause() for key in order))).scalars().all()
    )
    assert walk(database, order, 2) == expected
    assert len(expected) == 9


def test_absent_values_come_last(database: Database) -> None:
    fill(database, thing("a"), thing("b", day=date(2026, 1, 1)), thing("c", day=date(2026, 1, 2)))
    assert walk(database, (OrderKey(column=things.c.day), NAME), 1) == ["b", "c", "a"]
    assert walk(database, (OrderKey(column=things.c.day, descending=True), NAME), 1) == ["c", "b", "a"]


def test_conditions_and_a_filter_hold_on_every_page(database: Database) -> None:
    days = [None, date(2026, 1, 1)]
    fill(database, *(thing(f"t{number}", number, day=days[number % 2]) for number in range(9)))

    def walked(filter_text: str = "", **given: Any) -> list[str]:
        seen: list[str] = []
        asked = PageRequest(size=2)
        while True:
            page = database.read(partial(LISTING.page, request=asked, filter_text=filter_text, **given))
            seen += [row.name for row in page.items]
            if not page.next_page_token:
                return seen
            asked = PageRequest(size=2, token=page.next_page_token)

    assert walked(least=6) == ["t6", "t7", "t8"]
    assert walked(least=2, dated=True) == ["t3", "t5", "t7"]
    assert walked("size < 5", least=2, dated=None) == ["t2", "t3", "t4"]
    assert walked("size < 5 AND size != 1", dated=True) == ["t3"]


def test_the_last_page_has_no_token(sqlite: Database) -> None:
    sqlite.transact(lambda tx: tx.execute(delete(things)))
    assert page_of(sqlite, (NAME,), 2) == Page(items=(), next_page_token="")
    fill(sqlite, thing("a"), thing("b"))
    assert page_of(sqlite, (NAME,), 2) == Page(items=("a", "b"), next_page_token="")
    assert page_of(sqlite, (NAME,), 1).next_page_token != ""


def token_of(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "????",
        "ünknown",
        "A" * 5000,
        token_of("not json"),
        token_of("5"),
        token_of('["same"]'),
        token_of('["same", 5]'),
        token_of('["same", []]'),
        token_of('["same", ["a"]]'),
        token_of('["same", ["a", "b"]]'),
        token_of('["same", [true, "b"]]'),
        token_of('["same", [null, "b"]]'),
        token_of('["same", [99999999999999999999, "b"]]'),
        token_of('["same", [1, 5]]'),
        token_of('["same", [1, "a\\u0000"]]'),
        token_of('["same", [1, "\\ud800"]]'),
        token_of("[" * 1500),
    ],
)
def test_a_forged_token_is_refused(sqlite: Database, token: str) -> None:
    with pytest.raises(PageTokenInvalid) as refusal:
        page_of(sqlite, (OrderKey(column=things.c.size), NAME), 1, token)
    assert refusal.value.field == "page_token"


@pytest.mark.parametrize("value", ['"yesterday"', '"2026-01-01T00:00:00"', "5", "null"])
def test_a_forged_moment_is_refused(sqlite: Database, value: str) -> None:
    with pytest.raises(PageTokenInvalid):
        page_of(sqlite, (OrderKey(column=things.c.made), NAME), 1, token_of(f'["same", [{value}, "b"]]'))


def test_a_token_belongs_to_its_request(sqlite: Database) -> None:
    sqlite.transact(lambda tx: tx.execute(delete(things)))
    fill(sqlite, thing("a"), thing("b"))
    token = page_of(sqlite, (NAME,), 1).next_page_token
    assert page_of(sqlite, (NAME,), 1, token).items == ("b",)
    with pytest.raises(PageTokenInvalid, match="other arguments"):
        page_of(sqlite, (NAME,), 1, token, arguments="others")


def test_a_page_request_binds_everything_but_the_page() -> None:
    def arguments(**fields: Any) -> str:
        return page_request(ListThingsRequest(**fields)).arguments

    assert arguments(filter="a", page_size=5) == arguments(filter="a", page_size=9, page_token="t")
    assert arguments(filter="a") != arguments(filter="b")
    assert arguments(filter="a") != arguments(order_by="a")


def test_the_page_size_has_a_default_and_the_cap_of_the_contract() -> None:
    sizes = [page_request(ListThingsRequest(page_size=asked)).size for asked in (0, 1, 70, 71, 2**31 - 1)]
    assert sizes == [50, 1, 70, 70, 70]
    with pytest.raises(FieldInvalid, match="page_size"):
        page_request(ListThingsRequest(page_size=-1))


def test_a_list_without_a_cap_in_its_contract_is_not_served() -> None:
    with pytest.raises(ContractIncomplete, match=r"ListUncappedRequest\.page_size"):
        page_request(ListUncappedRequest(page_size=1))
