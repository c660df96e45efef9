"""What is generated from the repository's own contracts."""

import json
import re
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import descriptor_pool
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet

from tools.codegen import buf, outputs
from tools.codegen.contract import OWN_ROOTS, Access, Contract, Idempotency, Method
from tools.codegen.jwt_requirements import jwt_requirement
from tools.codegen.third_party import VALIDATE, validate_descriptor

REPOSITORY = Path(__file__).parents[2]
GENERATED = REPOSITORY / outputs.GENERATED
CONTRACT, BUILT = outputs.load(REPOSITORY)
EXTERNAL = [method for method in CONTRACT.methods if method.external]
BINDINGS = [(method, route) for method in EXTERNAL for route in method.routes]


@cache
def part(name: str) -> Any:
    """The resource of a file of generated/envoy, or the list of them where there may be many."""
    resources = yaml.safe_load((GENERATED / "envoy" / name).read_text(encoding="utf-8"))["resources"]
    return resources if name == "clusters.yaml" else resources[0]


@cache
def routes_of(name: str) -> Any:
    """The routes that follow from the contracts, without those of envoy/ before and behind them."""
    (host,) = part(name)["virtual_hosts"]
    written = {
        route["name"]
        for file in ("preflight_routes", "fallback_routes", "grpc_own_routes")
        for route in yaml.safe_load((REPOSITORY / "envoy" / f"{file}.yaml").read_text(encoding="utf-8"))
    }
    return [route for route in host["routes"] if route["name"] not in written]


def first_match(routes: list[Any], verb: str, path: str) -> Any:
    """The route Envoy would take: the first whose path and method match."""
    for route in routes:
        match = route["match"]
        fits = re.fullmatch(match["safe_regex"]["regex"], path) if "safe_regex" in match else match["path"] == path
        if fits and all(header["string_match"]["exact"] == verb for header in match.get("headers", [])):
            return route
    raise AssertionError(f"no route for {verb} {path}")


def milliseconds(grpc_timeout: str) -> int:
    assert grpc_timeout.endswith("m")
    return int(grpc_timeout.removesuffix("m"))


def test_two_runs_give_the_same_bytes_and_those_are_committed() -> None:
    first = outputs.render(REPOSITORY, CONTRACT, BUILT)
    second = outputs.render(REPOSITORY, *outputs.load(REPOSITORY))
    assert first == second
    assert outputs.differences(REPOSITORY, first) == ()


def test_the_recovered_validate_source_compiles_to_the_descriptor_it_came_from() -> None:
    compiled = next(file for file in buf.descriptors(REPOSITORY).file if file.name == VALIDATE)
    compiled.ClearField("source_code_info")
    original = FileDescriptorProto.FromString(validate_descriptor().SerializeToString())
    assert str(compiled).splitlines() == str(original).splitlines()


def test_the_descriptor_set_is_complete_and_carries_no_source() -> None:
    files = FileDescriptorSet.FromString((GENERATED / "descriptor_set.binpb").read_bytes())
    pool = descriptor_pool.DescriptorPool()
    for file in files.file:
        assert not file.HasField("source_code_info")
        pool.AddSerializedFile(file.SerializeToString())  # fails when an import comes later or not at all
    assert pool.FindMessageTypeByName("google.rpc.ErrorInfo").full_name == "google.rpc.ErrorInfo"
    for method in CONTRACT.methods:
        assert method.descriptor.name in pool.FindServiceByName(method.service).methods_by_name


def test_the_public_contract_has_what_the_edge_lets_in_and_no_more() -> None:
    files = FileDescriptorSet.FromString((GENERATED / "public.binpb").read_bytes()).file
    own = [file for file in files if file.package.startswith(OWN_ROOTS)]
    methods = {f"{f.package}.{s.name}/{m.name}" for f in own for s in f.service for m in s.method}
    assert methods == {method.name for method in EXTERNAL}
    messages = {f"{file.package}.{message.name}" for file in own for message in file.message_type}
    assert "bookstore.inventory.v1.ReserveStockRequest" not in messages
    enums = {f"{file.package}.{enum.name}" for file in own for enum in file.enum_type}
    assert {"bookstore.orders.v1.OrdersErrorReason", "chassis.v1.PlatformErrorReason"} <= enums


def test_the_public_contract_keeps_our_comments() -> None:
    public = Contract(FileDescriptorSet.FromString((GENERATED / "public.binpb").read_bytes()))
    assert {method.name: method.comment for method in public.methods} == {
        method.name: method.comment for method in EXTERNAL
    }


@pytest.mark.parametrize("process", sorted({method.served_by for method in CONTRACT.methods}))
def test_only_what_may_be_repeated_is_retried_and_only_when_unavailable(process: str) -> None:
    config = json.loads((GENERATED / "service_config" / f"{process}.json").read_text())
    retried = {
        f"{name['service']}/{name['method']}"
        for entry in config["methodConfig"]
        for name in entry["name"]
        if entry["retryPolicy"]["retryableStatusCodes"] == ["UNAVAILABLE"]
    }
    served = [method for method in CONTRACT.methods if method.served_by == process]
    assert retried == {method.name for method in served if method.idempotency is not Idempotency.UNKNOWN}
    assert "timeout" not in json.dumps(config)


@pytest.mark.parametrize(("method", "route"), BINDINGS, ids=lambda value: getattr(value, "name", None) or value.verb)
def test_every_http_binding_leads_to_its_method(method: Method, route: Any) -> None:
    segments = ("x1" if segment == "*" else segment for segment in route.template.segments)
    path = "/" + "/".join(segments) + (f":{route.template.verb}" if route.template.verb else "")
    found = first_match(routes_of("http_routes.yaml"), route.verb, path)
    assert (found["name"], found["route"]["cluster"]) == (method.name, method.served_by)


def test_a_known_path_tells_which_methods_it_takes() -> None:
    for verb, status in (("OPTIONS", 204), ("DELETE", 405)):
        found = first_match(routes_of("http_routes.yaml"), verb, "/v1/books")
        assert found["direct_response"] == {"status": status}
        assert found["response_headers_to_add"][0]["header"] == {"key": "allow", "value": "GET, HEAD, OPTIONS, POST"}
    watch = first_match(routes_of("http_routes.yaml"), "DELETE", "/v1/orders/1:watch")
    assert watch["response_headers_to_add"][0]["header"]["value"] == "GET, OPTIONS"


@pytest.mark.parametrize("listener", ["http_routes.yaml", "grpc_routes.yaml"])
def test_the_service_hears_of_its_deadline_a_little_before_the_edge_gives_up(listener: str) -> None:
    policies = {method.name: method.enforced for method in EXTERNAL}
    routes = [route for route in routes_of(listener) if "route" in route]
    assert routes
    for route in routes:
        timeout = timedelta(seconds=float(route["route"]["timeout"].removesuffix("s")))
        (added,) = route["request_headers_to_add"]
        told = timedelta(milliseconds=milliseconds(added["header"]["value"]))
        assert timeout == policies[route["name"]].timeout
        assert timedelta(0) < timeout - told <= timedelta(milliseconds=100)
        assert (added["header"]["key"], added["append_action"]) == ("grpc-timeout", "ADD_IF_ABSENT")


def test_the_grpc_listener_knows_every_external_method_and_no_internal_one() -> None:
    paths = [route["match"]["path"] for route in routes_of("grpc_routes.yaml")]
    assert sorted(paths) == sorted(f"/{method.name}" for method in EXTERNAL)
    internal = [method for method in CONTRACT.methods if not method.external]
    assert internal
    assert not {f"/{method.name}" for method in internal} & set(paths)


def test_routes_ask_for_the_token_that_the_policy_asks_for() -> None:
    requirements = part("authentication.yaml")["typed_config"]["requirement_map"]
    for route in [*routes_of("http_routes.yaml"), *routes_of("grpc_routes.yaml")]:
        asked = route["typed_per_filter_config"]["envoy.filters.http.jwt_authn"]
        if "route" not in route:
            assert asked["disabled"]
            continue
        method = next(method for method in EXTERNAL if method.name == route["name"])
        expected = jwt_requirement(method)
        assert asked.get("requirement_name") == expected
        assert expected in requirements if expected else asked["disabled"]
        if method.enforced.access in (Access.USER, Access.OWNER, Access.ROLE):
            assert expected == "required"


def test_signing_in_and_the_key_set_work_with_a_broken_token() -> None:
    by_name = {method.descriptor.name: jwt_requirement(method) for method in EXTERNAL}
    assert [by_name[name] for name in ("CreateSession", "RefreshSession", "GetJwks")] == [None, None, None]
    assert (by_name["GetBook"], by_name["GetCart"], by_name["PlaceOrder"]) == ("optional", "optional", "required")


def test_a_server_stream_is_sent_as_events_and_with_the_settings_of_the_whole_listener() -> None:
    whole = part("transcoder.yaml")["typed_config"]
    streams = [method.name for method in EXTERNAL if method.descriptor.server_streaming]
    assert streams
    for name in streams:
        route = next(route for route in routes_of("http_routes.yaml") if route["name"] == name)
        own = route["typed_per_filter_config"]["envoy.filters.http.grpc_json_transcoder"]
        events = {**whole["print_options"], "stream_sse_style_delimited": True}
        assert own == {**whole, "services": [name.split("/")[0]], "print_options": events}


def test_a_server_stream_promises_to_show_life() -> None:
    for method in EXTERNAL:
        if method.descriptor.server_streaming:
            assert "every 20 seconds" in method.comment, f"{method.name}: proxies cut a silent stream"


def test_clusters_are_all_that_routes_name() -> None:
    routes = [route for route in [*routes_of("http_routes.yaml"), *routes_of("grpc_routes.yaml")] if "route" in route]
    assert [cluster["name"] for cluster in part("clusters.yaml")] == sorted(
        {route["route"]["cluster"] for route in routes}
    )


def test_a_contract_read_from_the_committed_descriptor_set_is_the_same_apart_from_comments() -> None:
    committed = Contract(FileDescriptorSet.FromString((GENERATED / "descriptor_set.binpb").read_bytes()))
    assert [(method.name, method.policy, method.routes) for method in committed.methods] == [
        (method.name, method.policy, method.routes) for method in CONTRACT.methods
    ]


# Tables of the Lua filters --------------------------------------------------------------------------------------------


def table(file: str, name: str) -> dict[str, str]:
    """A generated Lua table: its keys, and its values as they are written."""
    text = (GENERATED / "envoy" / file).read_text(encoding="utf-8")
    rows = text.split(f"local {name} = {{\n")[1].split("\n}")[0].splitlines()
    found = (re.fullmatch(r'  \["([^"]+)"\] = (.+),', row) for row in rows)
    return {row[1]: row[2] for row in found if row is not None}


@pytest.mark.parametrize("method", [method for method in EXTERNAL if method.routes], ids=lambda method: method.name)
def test_a_query_may_not_name_what_the_path_or_the_body_binds(method: Method) -> None:
    bound = table("requests_tables.lua", "BOUND").get(method.name, "{}")
    for route in method.routes:
        names = [*(variable.field for variable in route.template.variables), *([route.body] if route.body else [])]
        assert bound == '"*"' or all(f'["{name.replace("_", "")}"]' in bound for name in names)


@pytest.mark.parametrize("method", [method for method in EXTERNAL if method.routes], ids=lambda method: method.name)
def test_a_response_that_looks_at_a_token_is_private_or_varies_by_it(method: Method) -> None:
    private, varies = (method.name in table("requests_tables.lua", name) for name in ("PRIVATE", "VARIES"))
    assert not (private and varies)
    if jwt_requirement(method) == "optional" and method.enforced.access is Access.PUBLIC:
        assert varies
    elif method.descriptor.name != "GetJwks":
        assert private


def test_only_reads_whose_etag_covers_everything_are_revalidated() -> None:
    revalidated = {name.split("/")[1] for name in table("requests_tables.lua", "REVALIDATED")}
    assert {"GetBook", "GetOrder"} <= revalidated
    assert not {"GetCart", "GetPromotion", "ListBooks", "UpdateBook"} & revalidated
