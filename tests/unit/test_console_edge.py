"""What Envoy is told of an installation: addresses, endpoints, the tracer, its own replies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tools.console.edge import Edge, EdgeIncomplete, configure, overlay, processes
from tools.console.paths import DataFolder


def _edge(**values: Any) -> Edge:
    defaults: dict[str, Any] = {
        "bind": "127.0.0.1",
        "http_port": 8080,
        "grpc_port": 8081,
        "admin_port": 9901,
        "upstreams": {process: ["127.0.0.1:1", "127.0.0.1:2"] for process in processes()},
    }
    return Edge(**(defaults | values))


def _written(folder: Path, file: str, **values: Any) -> Any:
    """The resource of a file in `run` after configuring an edge of these values."""
    data = DataFolder(path=folder)
    data.make()
    configure(_edge(**values), data)
    (resource,) = json.loads((data.run / file).read_text())["resources"]
    return resource


def _addresses(endpoints: Any) -> list[tuple[str, int]]:
    (locality,) = endpoints["endpoints"]
    sockets = [endpoint["endpoint"]["address"]["socket_address"] for endpoint in locality["lb_endpoints"]]
    return [(socket["address"], socket["port_value"]) for socket in sockets]


def test_the_overlay_holds_addresses_and_two_envoys_never_share_one() -> None:
    told = overlay(_edge(bind="0.0.0.0"))
    assert told["admin"]["address"]["socket_address"] == {"address": "127.0.0.1", "port_value": 9901}
    listeners = told["static_resources"]["listeners"]
    sockets = [listener["address"]["socket_address"] for listener in listeners]
    assert sockets == [{"address": "0.0.0.0", "port_value": 8080}, {"address": "0.0.0.0", "port_value": 8081}]
    assert [listener["enable_reuse_port"] for listener in listeners] == [False, False]


def test_every_worker_is_an_endpoint_of_its_own(tmp_path: Path) -> None:
    endpoints = _written(tmp_path, "eds/catalog.json")
    assert endpoints["cluster_name"] == "catalog"
    assert _addresses(endpoints) == [("127.0.0.1", 1), ("127.0.0.1", 2)]


def test_a_process_without_address_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(EdgeIncomplete, match=r"routes lead to .*, which has no address"):
        _written(tmp_path, "eds/catalog.json", upstreams={})


def test_a_missing_generated_part_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(EdgeIncomplete, match="make protos"):
        processes(tmp_path)


def test_a_folder_that_has_moved_is_linked_anew(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    _written(old, "eds/catalog.json")
    old.rename(new)
    _written(new, "eds/catalog.json")
    assert (new / "run" / "tls").resolve() == (new / "tls").resolve()


def test_pages_stand_behind_preflights_and_before_the_routes_of_contracts(tmp_path: Path) -> None:
    routes = _written(tmp_path, "routes/json.json", pages=[{"name": "a page"}])["virtual_hosts"][0]["routes"]
    assert [route["name"] for route in routes[:2]] == ["preflight", "a page"]
    assert len({route["name"] for route in routes[2:]}) > 1
    assert routes[-1]["name"] == "unmatched"


def test_traces_go_to_the_endpoint_only_when_there_is_one(tmp_path: Path) -> None:
    def tracer(endpoint: str) -> Any:
        manager = _written(tmp_path, "listeners/json.json", otlp_endpoint=endpoint)["typed_config"]
        return manager["tracing"]["provider"]["typed_config"]

    assert tracer("")["grpc_service"]["envoy_grpc"]["cluster_name"] == "nowhere"
    uri = tracer("http://collector:4318")["http_service"]["http_uri"]
    assert (uri["uri"], uri["cluster"]) == ("http://collector:4318/v1/traces", "otlp")
    (cluster,) = overlay(_edge(otlp_endpoint="http://collector:4318"))["static_resources"]["clusters"]
    assert (cluster["name"], _addresses(cluster["load_assignment"])) == ("otlp", [("collector", 4318)])


def test_each_reply_of_envoy_has_its_own_reason_or_shares_one_on_purpose(tmp_path: Path) -> None:
    manager = _written(tmp_path, "listeners/json.json")["typed_config"]
    kept, *errors = manager["local_reply_config"]["mappers"]
    assert kept["body_format_override"] == {"text_format_source": {"inline_string": "%LOCAL_REPLY_BODY%"}}
    reasons = [mapper["body_format_override"]["json_format"]["details"][0]["reason"] for mapper in errors]
    assert all(reason == reason.upper() for reason in reasons)
    assert sorted({reason for reason in reasons if reasons.count(reason) > 1}) == ["SERVICE_UNAVAILABLE"]
    assert {header["header"]["key"] for header in errors[0]["headers_to_add"]} >= {"access-control-allow-origin"}


@pytest.mark.parametrize(("bind", "reached"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.2", "127.0.0.2")])
def test_keys_are_fetched_where_the_listener_is(tmp_path: Path, bind: str, reached: str) -> None:
    assert _addresses(_written(tmp_path, "eds/self.json", bind=bind)) == [(reached, 8080)]
