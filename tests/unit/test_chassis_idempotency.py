"""The fingerprint of a request: what it asks for, without its key and its secrets."""

from __future__ import annotations

from typing import Any

from chassis.idempotency import fingerprint
from tests.sample_protos import Account, CreateAccountsRequest, ListThingsRequest


def request(request_id: str = "", **fields: Any) -> Any:
    return CreateAccountsRequest(request_id=request_id, **fields)


def test_it_leaves_the_request_id_out() -> None:
    one = request("one", account=Account(name="a"))
    assert fingerprint(one) == fingerprint(request("two", account=Account(name="a")))
    assert one.request_id == "one"


def test_it_tells_requests_apart() -> None:
    assert fingerprint(request(account=Account(name="a"))) != fingerprint(request(account=Account(name="b")))
    assert fingerprint(request(account=Account(name="a"))) != fingerprint(request(accounts=[Account(name="a")]))
    assert fingerprint(request()) == fingerprint(request())


def test_input_only_fields_leave_no_trace_at_any_depth() -> None:
    def filled(password: str) -> Any:
        def account() -> Any:
            return Account(name="a", password=password, parent=Account(name="b", password=password))

        return request(account=account(), accounts=[account(), account()], by_name={"x": account()})

    first = filled("secret")
    assert fingerprint(first) == fingerprint(filled("another"))
    assert first.account.password == "secret"
    assert first.by_name["x"].parent.password == "secret"


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
