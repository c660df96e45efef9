"""The fingerprint of a request: what it asks for, secrets included, keyed with its request_id."""

from __future__ import annotations

from typing import Any

import pytest

from chassis.idempotency import fingerprint, has_secret, is_random
from tests.sample_protos import Account, CreateAccountsRequest, ListThingsRequest


def request(request_id: str = "", **fields: Any) -> Any:
    return CreateAccountsRequest(request_id=request_id, **fields)


def test_it_is_keyed_with_the_request_id() -> None:
    one = request("one", account=Account(name="a"))
    assert fingerprint(one) == fingerprint(request("one", account=Account(name="a")))
    assert fingerprint(one) != fingerprint(request("two", account=Account(name="a")))
    assert one.request_id == "one"


def test_it_tells_requests_apart() -> None:
    assert fingerprint(request(account=Account(name="a"))) != fingerprint(request(account=Account(name="b")))
    assert fingerprint(request(account=Account(name="a"))) != fingerprint(request(accounts=[Account(name="a")]))
    assert fingerprint(request()) == fingerprint(request())


def test_a_secret_belongs_to_it_at_any_depth() -> None:
    def filled(password: str, inner: str) -> Any:
        parent = Account(name="b", password=inner)
        return request("one", by_name={"x": Account(name="a", password=password, parent=parent)})

    prints = {fingerprint(filled(outer, inner)) for outer in ("secret", "another") for inner in ("secret", "another")}
    assert len(prints) == 4


@pytest.mark.parametrize(("kind", "expected"), [(CreateAccountsRequest, True), (ListThingsRequest, False)])
def test_a_type_with_an_input_only_field_at_any_depth_has_a_secret(kind: Any, expected: bool) -> None:
    assert has_secret(kind.DESCRIPTOR) is expected


@pytest.mark.parametrize(
    ("uuid", "expected"),
    [
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", True),
        ("00000000-0000-0000-0000-000000000001", False),
        ("6ba7b810-9dad-11d1-80b4-00c04fd430c8", False),
    ],
)
def test_a_uuid_is_random_when_its_version_says_so(uuid: str, expected: bool) -> None:
    assert is_random(uuid) is expected


def test_fields_beside_a_secret_still_count() -> None:
    def nested(name: str) -> Any:
        return request(by_name={"x": Account(name=name, password="p")})

    assert fingerprint(nested("a")) != fingerprint(nested("b"))


def test_the_order_of_a_map_does_not_matter() -> None:
    one = request(by_name={str(number): Account(name=str(number)) for number in range(20)})
    two = request(by_name={str(number): Account(name=str(number)) for number in reversed(range(20))})
    assert fingerprint(one) == fingerprint(two)


def test_a_request_without_a_request_id_has_one_too() -> None:
    assert len(fingerprint(ListThingsRequest(filter="x"))) == 64
