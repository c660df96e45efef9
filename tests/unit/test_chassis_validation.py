"""What the validation layer rejects before any rule of the contract is looked at."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.contract import Method
from chassis.errors import FieldInvalid
from chassis.interceptors.validation import request_check
from chassis.v1 import policy_pb2
from tests.sample_protos import Folder

METHOD = Method(
    path="/bookstore.sample.v1.SampleService/CreateFolder",
    name="CreateFolder",
    access=policy_pb2.ACCESS_PUBLIC,
    roles=frozenset(),
    callers=frozenset(),
    timeout=1.0,
    request=Folder.DESCRIPTOR,
    response=Folder.DESCRIPTOR,
    request_streaming=False,
    response_streaming=False,
    keyed=False,
    creates=False,
    versioned=False,
    lenient=False,
    errors=frozenset(),
)


check = request_check(METHOD)


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (Folder(name="a\0"), ["name"]),
        (Folder(texts=["a", "\0"]), ["texts[1]"]),
        (Folder(parent=Folder(folders=[Folder(name="\0")])), ["parent.folders[0].name"]),
        (Folder(by_label={"a": Folder(name="\0")}), ["by_label['a'].name"]),
        (Folder(by_label={"a\0": Folder()}), ["by_label"]),
    ],
)
def test_a_nul_character_is_rejected_wherever_it_is(request_: Any, fields: list[str]) -> None:
    with pytest.raises(FieldInvalid, match="NUL") as raised:
        check(request_)
    assert [field for field, _ in raised.value.violations] == fields


def test_sizes_come_first() -> None:
    with pytest.raises(FieldInvalid) as raised:
        check(Folder(folders=[Folder(name="\0")] * 4))
    assert raised.value.violations == [("folders", "must have at most 3 items, not 4")]


def test_anything_else_passes() -> None:
    request = Folder(name="a", by_label={"a": Folder(texts=["b"])}, folders=[Folder()])
    check(request)
