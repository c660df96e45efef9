"""The OpenAPI document, checked by an independent validator and against the contracts."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from openapi_spec_validator import OpenAPIV31SpecValidator

from services.codegen import outputs

REPOSITORY = Path(__file__).parents[2]
CONTRACT, _ = outputs.load(REPOSITORY)
DOCUMENT: dict[str, Any] = yaml.safe_load((REPOSITORY / "generated/openapi/bookstore.yaml").read_text(encoding="utf-8"))
SCHEMAS = DOCUMENT["components"]["schemas"]
OPERATIONS = {
    operation["operationId"]: (verb, path, operation)
    for path, item in DOCUMENT["paths"].items()
    for verb, operation in item.items()
}


def parameters(operation: str) -> dict[str, Any]:
    return {parameter["name"]: parameter for parameter in OPERATIONS[operation][2].get("parameters", [])}


def body(operation: str) -> Any:
    return OPERATIONS[operation][2]["requestBody"]["content"]["application/json"]["schema"]


def test_it_is_valid_openapi() -> None:
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []


def test_every_http_binding_is_an_operation_and_nothing_else_is() -> None:
    bound = sorted(route.verb.lower() for method in CONTRACT.methods for route in method.routes)
    assert sorted(verb for verb, _, _ in OPERATIONS.values()) == bound
    assert {method.descriptor.name for method in CONTRACT.methods if method.routes} <= set(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_described_and_answers_errors_as_status(name: str) -> None:
    _, path, operation = OPERATIONS[name]
    assert operation["summary"]
    assert "Access: " in operation["description"]
    assert operation["responses"]["default"] == {"$ref": "#/components/responses/Error"}
    in_path = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "path"}
    assert in_path == set(re.findall(r"\{(\w+)\}", path))


def test_a_resource_name_becomes_a_path_parameter_that_carries_the_rest_of_its_pattern() -> None:
    verb, path, _ = OPERATIONS["UndeleteBook"]
    assert (verb, path) == ("post", "/v1/books/{book}:undelete")
    assert re.fullmatch(parameters("UndeleteBook")["book"]["schema"]["pattern"], "9780141439600")
    assert "name" not in SCHEMAS["UndeleteBookRequest"]["properties"]


def test_what_neither_path_nor_body_binds_is_a_query_parameter() -> None:
    assert set(parameters("ListBooks")) >= {"pageSize", "pageToken", "filter", "orderBy"}
    assert parameters("ListBooks")["pageSize"]["schema"] == {"type": "integer", "format": "int32", "minimum": 0}
    assert parameters("BatchGetBooks")["names"]["schema"]["type"] == "array"
    assert parameters("UpdateBook")["updateMask"]["schema"]["type"] == "string"
    assert {"book", "book.title"}.isdisjoint(parameters("CreateBook"))
    assert "bookId" in parameters("CreateBook")


def test_a_secret_is_asked_for_and_never_answered() -> None:
    assert "password" not in SCHEMAS["User"]["required"]
    assert SCHEMAS["User"]["properties"]["password"]["writeOnly"]
    assert body("CreateUser") == {"allOf": [{"$ref": "#/components/schemas/User"}, {"required": ["password"]}]}


def test_an_update_requires_nothing_and_offers_no_output_only_field() -> None:
    assert body("UpdateBook") == {"$ref": "#/components/schemas/BookUpdate"}
    assert "required" not in SCHEMAS["BookUpdate"]
    assert {"title", "etag"} <= set(SCHEMAS["BookUpdate"]["properties"])
    assert {"state", "createTime"}.isdisjoint(SCHEMAS["BookUpdate"]["properties"])


def test_values_follow_the_json_mapping() -> None:
    assert SCHEMAS["Money"]["properties"]["units"]["type"] == "string"
    assert SCHEMAS["Book"]["properties"]["createTime"]["format"] == "date-time"
    assert SCHEMAS["Book"]["properties"]["title"] | {"description": ""} == {
        "type": "string",
        "minLength": 1,
        "maxLength": 500,
        "description": "",
    }
    assert "FORMAT_PAPERBACK" in SCHEMAS["BookFormat"]["enum"]
    assert SCHEMAS["RpcStatus"]["properties"]["details"]["items"]["required"] == ["@type"]


def test_creation_is_201_with_location_and_a_stream_is_server_sent_events() -> None:
    created = OPERATIONS["PlaceOrder"][2]["responses"]["201"]
    assert set(created["headers"]) == {"Location", "ETag"}
    assert set(OPERATIONS["WatchOrder"][2]["responses"]["200"]["content"]) == {"text/event-stream"}


def test_tokens_are_required_where_the_policy_says_so() -> None:
    assert OPERATIONS["PlaceOrder"][2]["security"] == [{"token": []}]
    assert OPERATIONS["GetBook"][2]["security"] == [{}, {"token": []}]
    assert "Idempotency-Key" in parameters("PlaceOrder")
    assert "Idempotency-Key" not in parameters("GetBook")
