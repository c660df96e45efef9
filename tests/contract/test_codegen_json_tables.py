"""The tables of the edge's JSON reader, against the contracts they come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.test_codegen_checks import contract_of, method
from tools.codegen import buf
from tools.codegen.contract import Contract, ContractError
from tools.codegen.json_tables import strict_tables
from tools.codegen.sizes import FOREIGN_LIMIT

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract(buf.descriptors(REPOSITORY))


@pytest.fixture(scope="module")
def tables(contract: Contract) -> str:
    return strict_tables(contract).decode()


def test_every_route_says_what_its_body_is(contract: Contract, tables: str) -> None:
    for rpc in contract.methods:
        row = f'  ["{rpc.name}"] = '
        bodies = {route.body for route in rpc.routes}
        if not rpc.external or not rpc.routes:
            assert row not in tables
        elif bodies == {""}:
            assert f"{row}false," in tables
        elif bodies == {"*"}:
            assert f'{row}{{kind = "{rpc.descriptor.input_type.full_name}"}},' in tables
        else:
            assert f'{row}{{"{bodies.pop()}", ' in tables


def test_lists_have_the_limits_of_their_rules(tables: str) -> None:
    assert '{"coupons", "coupons", kind = "string", list = 10},' in tables
    assert f'{{"address_lines", "addressLines", kind = "string", list = {FOREIGN_LIMIT}}},' in tables


def test_a_oneof_is_one_field_of_a_group(tables: str) -> None:
    assert '{"percentage", "percentage", kind = "bookstore.promotions.v1.Percentage", oneof = "benefit"},' in tables


def test_only_what_a_body_can_hold_is_listed(tables: str) -> None:
    assert '["google.type.PostalAddress"] = {' in tables
    assert '["bookstore.orders.v1.Order"] = {' not in tables


def test_an_any_can_hold_every_message(tmp_path: Path) -> None:
    fields = "map<int32, google.protobuf.Any> any = 1 [(buf.validate.field).map.max_pairs = 5];"
    rpc, request = method("Pack", http='post: "/v1/packs" body: "*"', fields=fields)
    source = contract_of(
        tmp_path, (rpc, f'import "google/protobuf/any.proto";\n{request}\nmessage Other {{ bytes data = 1; }}')
    )
    tables = strict_tables(source).decode()
    assert '{"any", "any", kind = "packed", map = 5, key = "integer"},' in tables
    assert '{"data", "data", kind = "bytes"},' in tables


def test_routes_of_one_call_must_agree_on_their_body(tmp_path: Path) -> None:
    http = 'post: "/v1/mixed" body: "*" additional_bindings {post: "/v1/mixed:name" body: "name"}'
    with pytest.raises(ContractError, match=r"SampleService/Mixed: its routes must have the same body"):
        strict_tables(contract_of(tmp_path, method("Mixed", http=http)))
