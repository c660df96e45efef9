"""The OpenAPI document, checked by an independent validator and against the contracts."""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import protovalidate
import pytest
import yaml
from bookstore.catalog.v1 import book_pb2
from bookstore.orders.v1 import order_pb2
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2
from google.type.money_pb2 import Money
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from chassis.errors import FieldInvalid, status_of
from tools.codegen import outputs
from tools.codegen.openapi.examples import ERROR

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


def test_the_json_document_is_the_same() -> None:
    assert json.loads((REPOSITORY / "generated/openapi/bookstore.json").read_bytes()) == DOCUMENT


def test_every_http_binding_is_an_operation_and_nothing_else_is() -> None:
    bound = sorted(route.verb.lower() for method in CONTRACT.methods for route in method.routes)
    assert sorted(verb for verb, _, _ in OPERATIONS.values()) == bound
    assert {method.descriptor.name for method in CONTRACT.methods if method.routes} <= set(OPERATIONS)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_is_described_and_answers_errors_as_status(name: str) -> None:
    _, path, operation = OPERATIONS[name]
    assert len(operation["summary"]) <= 40
    assert operation["summary"].split()[0] in operation["operationId"]
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
    assert "password" not in SCHEMAS["User"]["properties"]
    assert body("CreateUser") == {"$ref": "#/components/schemas/UserInput"}
    assert set(SCHEMAS["UserInput"]["required"]) == {"displayName", "email", "password"}
    assert SCHEMAS["UserInput"]["properties"]["password"]["writeOnly"]


@pytest.mark.parametrize("kind", [book_pb2.Book, order_pb2.Order, Money, error_details_pb2.BadRequest.FieldViolation])
def test_an_answer_requires_what_the_transcoder_prints_of_an_empty_message(kind: type[Message]) -> None:
    printed = MessageToDict(kind(), always_print_fields_with_no_presence=True)
    name = kind.DESCRIPTOR.full_name.removeprefix(kind.DESCRIPTOR.file.package + ".").replace(".", "")
    schema = SCHEMAS[f"Rpc{name}" if kind.DESCRIPTOR.file.package == "google.rpc" else name]
    assert set(printed) - {"localizedMessage", "reason"} <= set(schema["required"])
    absent = set(schema["required"]) - set(printed)
    assert all("$ref" in schema["properties"][name] for name in absent), "only messages that a rule requires"


def test_a_request_does_not_require_what_an_answer_always_has() -> None:
    assert SCHEMAS["Money"]["required"] == ["currencyCode", "units", "nanos"]
    assert "required" not in SCHEMAS["MoneyInput"]
    assert SCHEMAS["PlaceOrderRequest"]["properties"]["expectedTotal"]["$ref"] == "#/components/schemas/MoneyInput"
    assert SCHEMAS["Quote"]["properties"]["total"]["$ref"] == "#/components/schemas/Money"
    assert set(SCHEMAS["BookInput"]["required"]) == {"title", "isbn13", "format", "price"}
    assert {"name", "state", "createTime"}.isdisjoint(SCHEMAS["BookInput"]["properties"])


def test_an_update_requires_nothing_and_offers_no_output_only_field() -> None:
    assert body("UpdateBook") == {"$ref": "#/components/schemas/BookUpdate"}
    assert "required" not in SCHEMAS["BookUpdate"]
    assert {"title", "etag"} <= set(SCHEMAS["BookUpdate"]["properties"])
    assert {"name", "state", "createTime"}.isdisjoint(SCHEMAS["BookUpdate"]["properties"])


def test_values_follow_the_json_mapping() -> None:
    assert SCHEMAS["Money"]["properties"]["units"]["type"] == "string"
    assert SCHEMAS["Book"]["properties"]["createTime"]["format"] == "date-time"
    assert SCHEMAS["BookInput"]["properties"]["title"] | {"description": ""} == {
        "type": "string",
        "minLength": 1,
        "maxLength": 500,
        "pattern": r"^([^\s\x00-\x1f\x7f][^\x00-\x1f\x7f]*)?$",
        "description": "",
    }
    assert "FORMAT_PAPERBACK" in SCHEMAS["BookFormat"]["enum"]


def test_rules_bind_requests_and_not_answers() -> None:
    """An erased account answers an empty mail address."""
    assert SCHEMAS["UserInput"]["properties"]["email"]["format"] == "email"
    assert set(SCHEMAS["User"]["properties"]["email"]) == {"type", "description"}


def test_it_leads_to_the_shop_that_serves_it_and_tells_the_conventions() -> None:
    (server,) = DOCUMENT["servers"]
    assert server["url"] == "/"
    assert server["description"]
    for word in ("updateMask", "Idempotency-Key", "If-Match", "STATE_REJECTED", "text/event-stream", "nanos"):
        assert word in DOCUMENT["info"]["description"], word


def test_the_details_of_an_error_are_told_apart_by_their_type() -> None:
    items = SCHEMAS["RpcStatus"]["properties"]["details"]["items"]
    kinds = ("BadRequest", "ErrorInfo", "PreconditionFailure", "RequestInfo", "RetryInfo")
    assert items["discriminator"]["propertyName"] == "@type"
    for kind in kinds:
        reference = {"$ref": f"#/components/schemas/Rpc{kind}"}
        assert reference in items["oneOf"]
        assert items["discriminator"]["mapping"][f"type.googleapis.com/google.rpc.{kind}"] == reference["$ref"]
        assert SCHEMAS[f"Rpc{kind}"]["properties"]["@type"]["const"] == f"type.googleapis.com/google.rpc.{kind}"
        assert "@type" in SCHEMAS[f"Rpc{kind}"]["required"]
    assert len(items["oneOf"]) == len(kinds)


def test_the_example_of_an_error_is_what_the_chassis_answers() -> None:
    violation = ERROR["details"][1]["fieldViolations"][0]
    status = status_of(FieldInvalid([(violation["field"], violation["description"])]))
    assert MessageToDict(status, always_print_fields_with_no_presence=True) == ERROR
    assert DOCUMENT["components"]["responses"]["Error"]["content"]["application/json"]["example"] == ERROR
    assert list(validator({"$ref": "#/components/schemas/RpcStatus"}).iter_errors(ERROR)) == []


@pytest.mark.parametrize("operation", [name for name, (_, _, found) in OPERATIONS.items() if "requestBody" in found])
def test_the_example_of_a_request_keeps_every_rule(operation: str) -> None:
    content = OPERATIONS[operation][2]["requestBody"]["content"]["application/json"]
    assert list(validator(content["schema"]).iter_errors(content["example"])) == []
    method, route = next(
        (method, route)
        for method in CONTRACT.methods
        for index, route in enumerate(method.routes)
        if method.descriptor.name + (f"By{route.verb.title()}" if index else "") == operation
    )
    if "update_mask" in method.descriptor.input_type.fields_by_name:
        return  # what it leaves out stays as it is, whatever the rules of a whole resource say
    module = import_module(method.file.removesuffix(".proto").replace("/", ".") + "_pb2")
    (service,) = (found for found in module.DESCRIPTOR.services_by_name.values() if found.full_name == method.service)
    request = GetMessageClass(service.methods_by_name[method.descriptor.name].input_type)()
    body = content["example"] if route.body == "*" else {route.body: content["example"]}
    ParseDict(body, request)
    broken = [violation.proto for violation in protovalidate.collect_violations(request)]
    bound = {variable.field.split(".")[0] for variable in route.template.variables}
    assert [proto for proto in broken if not proto.field or proto.field.elements[0].field_name not in bound] == []


def test_the_examples_make_a_purchase() -> None:
    """The price is that of the book in the seed."""
    book = example("AddItem")["book"].removeprefix("books/")
    seed = json.loads((REPOSITORY / "tools/console/seed/books.json").read_text(encoding="utf-8"))
    cents = next(entry["price_minor"] for entry in seed if entry["isbn13"] == book)
    total = example("PlaceOrder")["expectedTotal"]
    assert int(total["units"]) * 100 + total["nanos"] // 10_000_000 == cents * example("AddItem")["quantity"]
    assert example("CreateUser").items() >= example("CreateSession").items()
    assert book not in example("CreateBook")["isbn13"].replace("-", "")


def test_a_name_in_the_path_has_an_example_that_fits() -> None:
    for name, (_, _, operation) in OPERATIONS.items():
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "path":
                assert list(validator(parameter["schema"]).iter_errors(parameter["example"])) == [], name
    assert parameters("AddItem")["cart"]["example"] == "me"


def test_an_operation_names_the_reasons_of_its_errors_by_status() -> None:
    place = OPERATIONS["PlaceOrder"][2]["responses"]
    assert place["400"]["$ref"] == "#/components/responses/BadRequest"
    assert all(f"- `{name}`: " in place["400"]["description"] for name in ("CART_EMPTY", "PRICE_CHANGED"))
    assert "`CART_NOT_FOUND`" in place["404"]["description"]
    assert "`ROLE_REQUIRED`" in OPERATIONS["CreateBook"][2]["responses"]["403"]["description"]
    assert "401" not in OPERATIONS["GetBook"][2]["responses"]


def test_the_example_of_an_error_fits_its_schema() -> None:
    content = DOCUMENT["components"]["responses"]["Error"]["content"]["application/json"]
    assert list(validator(content["schema"]).iter_errors(content["example"])) == []


def example(operation: str) -> Any:
    return OPERATIONS[operation][2]["requestBody"]["content"]["application/json"]["example"]


def validator(schema: dict[str, Any]) -> OAS31Validator:
    """Of one schema of the document, which may refer to its components."""
    return OAS31Validator({**schema, "components": DOCUMENT["components"]})


def test_an_operation_names_the_errors_that_are_particular_to_it_by_status() -> None:
    responses = OPERATIONS["UpdateBook"][2]["responses"]
    assert set(responses) == {"200", "400", "401", "403", "404", "409", "412", "429", "default"}
    assert responses["404"]["$ref"] == "#/components/responses/NotFound"
    assert "`ISBN_TAKEN`: Another book has this ISBN." in responses["409"]["description"]
    assert "ETAG_MISMATCH" in responses["412"]["description"]
    assert "FIELD_INVALID" in responses["400"]["description"]


def test_creation_is_201_with_location_and_a_stream_is_server_sent_events() -> None:
    created = OPERATIONS["PlaceOrder"][2]["responses"]["201"]
    assert set(created["headers"]) == {"Location", "ETag"}
    assert set(OPERATIONS["WatchOrder"][2]["responses"]["200"]["content"]) == {"text/event-stream"}


def test_tokens_are_required_where_the_policy_says_so() -> None:
    assert OPERATIONS["PlaceOrder"][2]["security"] == [{"bearerAuth": []}]
    assert OPERATIONS["GetBook"][2]["security"] == [{}, {"bearerAuth": []}]
    assert "Idempotency-Key" in parameters("PlaceOrder")
    assert "Idempotency-Key" not in parameters("GetBook")
