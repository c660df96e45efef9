"""Answers by request_id: one effect and one answer, also when duplicates race."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Column, Connection, MetaData, Table, Text, func, insert, select
from sqlalchemy.exc import IntegrityError

from chassis.database import Database
from chassis.idempotency import AnswerExists, IdempotencyStore, RequestKey, current_request
from chassis.schema import ANSWERS, chassis_tables
from chassis.testing import FakeClock
from chassis.v1.platform_errors import RequestIdReused
from tests.limits import HANG_SECONDS
from tests.sample_protos import Account

metadata = MetaData()
chassis_tables(metadata)
names = Table("names", metadata, Column("name", Text, primary_key=True))

KEY = RequestKey(caller="users/1", method="/sample/Create", key="k1", fingerprint="f1")


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url, name="test")
    metadata.create_all(database.engine)
    yield database
    database.close()


@pytest.fixture
def answers(database: Database, clock: FakeClock) -> IdempotencyStore:
    return IdempotencyStore(database, clock)


def create(answers: IdempotencyStore, name: str, key: RequestKey | None) -> Any:
    """A servicer's work under a key: takes a name that can be taken once."""

    def function(tx: Connection) -> Any:
        tx.execute(insert(names), {"name": name})
        return Account(name=name)

    token = current_request.set(key)
    try:
        return answers.transact(function)
    finally:
        current_request.reset(token)


def count(database: Database, table: Table) -> int:
    return database.read(lambda tx: tx.execute(select(func.count()).select_from(table)).scalar_one())


def test_the_answer_is_recorded_with_the_effect(answers: IdempotencyStore, database: Database) -> None:
    assert answers.recorded(KEY) is None
    assert create(answers, "a", KEY).name == "a"
    stored = answers.recorded(KEY)
    assert stored is not None
    assert Account.FromString(stored).name == "a"
    assert count(database, names) == 1


def test_without_a_key_nothing_is_recorded(answers: IdempotencyStore, database: Database) -> None:
    create(answers, "a", None)
    assert (count(database, names), count(database, ANSWERS)) == (1, 0)


def test_a_failed_effect_is_not_remembered(answers: IdempotencyStore, database: Database) -> None:
    create(answers, "a", None)
    with pytest.raises(IntegrityError):
        create(answers, "a", KEY)
    assert answers.recorded(KEY) is None
    create(answers, "b", KEY)
    assert answers.recorded(KEY) is not None


def test_another_request_under_the_same_key_is_refused(answers: IdempotencyStore) -> None:
    create(answers, "a", KEY)
    with pytest.raises(RequestIdReused) as refusal:
        answers.recorded(dataclasses.replace(KEY, fingerprint="f2"))
    assert refusal.value.field == "request_id"


@pytest.mark.parametrize("other", [{"caller": "users/2"}, {"method": "/sample/Delete"}, {"key": "k2"}])
def test_a_key_counts_per_caller_and_method(answers: IdempotencyStore, other: dict[str, str]) -> None:
    create(answers, "a", KEY)
    another = dataclasses.replace(KEY, **other)
    assert answers.recorded(another) is None
    create(answers, "b", another)


def test_a_repeat_that_missed_the_record_does_nothing(answers: IdempotencyStore, database: Database) -> None:
    create(answers, "a", KEY)
    with pytest.raises(AnswerExists):
        create(answers, "a", KEY)
    assert count(database, names) == 1


def test_racing_duplicates_have_one_effect_and_the_others_find_its_answer(
    answers: IdempotencyStore, database: Database
) -> None:
    together = threading.Barrier(8, timeout=HANG_SECONDS)

    def attempt(_: int) -> str:
        together.wait()
        try:
            return str(create(answers, "a", KEY).name)
        except AnswerExists:
            stored = answers.recorded(KEY)
            assert stored is not None
            return f"replayed {Account.FromString(stored).name}"

    with ThreadPoolExecutor(8) as pool:
        outcomes = sorted(pool.map(attempt, range(8)))
    assert outcomes == ["a", *["replayed a"] * 7]
    assert count(database, names) == 1


def test_answers_are_kept_for_48_hours(answers: IdempotencyStore, clock: FakeClock) -> None:
    create(answers, "a", KEY)
    clock.advance(timedelta(hours=48))
    assert answers.purge() == 0
    assert answers.recorded(KEY) is not None
    clock.advance(timedelta(seconds=1))
    assert answers.purge() == 1
    assert answers.recorded(KEY) is None
