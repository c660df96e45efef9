"""The rendered bootstrap: every mark resolved, every cluster that a route names present."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tools.console.edge import Edge, EdgeIncomplete, render
from tools.console.folders import GENERATED
from tools.console.tls import CertificateFolder


def _edge(folder: Path, **values: Any) -> Edge:
    processes = yaml.safe_load((GENERATED / "envoy" / "clusters.yaml").read_text())
    defaults: dict[str, Any] = {
        "bind": "127.0.0.1",
        "http_port": 8080,
        "grpc_port": 8081,
        "admin_port": 9901,
        "upstreams": {process: ["127.0.0.1:1", "127.0.0.1:2"] for process in processes},
        "certificates": CertificateFolder(path=folder),
        "access_log": folder / "access.log",
    }
    return Edge(**(defaults | values))


def _walk(node: Any) -> Iterator[Any]:
    yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _walk(child)


def _found(bootstrap: Any, key: str) -> list[Any]:
    return [node[key] for node in _walk(bootstrap) if isinstance(node, dict) and key in node]


def _rendered(edge: Edge) -> Any:
    return yaml.safe_load(render(edge))


def test_every_mark_is_resolved(tmp_path: Path) -> None:
    text = render(_edge(tmp_path))
    assert "!setting" not in text
    assert "include:" not in text
    assert yaml.safe_load(text)["node"]["id"] == "edge"


def test_routes_lead_to_clusters_that_exist(tmp_path: Path) -> None:
    bootstrap = _rendered(_edge(tmp_path))
    clusters = {cluster["name"] for cluster in bootstrap["static_resources"]["clusters"]}
    routed = {route["cluster"] for route in _found(bootstrap, "route") if isinstance(route, dict)}
    assert routed <= clusters


def test_every_worker_is_an_endpoint_of_its_own(tmp_path: Path) -> None:
    bootstrap = _rendered(_edge(tmp_path))
    catalog = next(c for c in bootstrap["static_resources"]["clusters"] if c["name"] == "catalog")
    assert len(catalog["load_assignment"]["endpoints"][0]["lb_endpoints"]) == 2
    assert catalog["lb_policy"] == "ROUND_ROBIN"


def test_services_are_verified_by_their_own_name(tmp_path: Path) -> None:
    bootstrap = _rendered(_edge(tmp_path))
    for cluster in bootstrap["static_resources"]["clusters"]:
        if "transport_socket" in cluster:
            names = _found(cluster, "match_typed_subject_alt_names")[0]
            assert names == [{"san_type": "DNS", "matcher": {"exact": cluster["name"]}}]


def test_a_process_without_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EdgeIncomplete, match=r"routes lead to .*, which has no address"):
        render(_edge(tmp_path, upstreams={}))


def test_a_missing_generated_part_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(EdgeIncomplete, match="make protos"):
        render(_edge(tmp_path), generated=tmp_path)


def test_an_unknown_setting_is_refused(tmp_path: Path) -> None:
    hand_written = tmp_path / "envoy"
    hand_written.mkdir()
    for name in ("preflight_routes", "fallback_routes", "local_replies"):
        (hand_written / f"{name}.yaml").write_text("[]")
    (hand_written / "cluster.yaml").write_text("name: !setting cluster_name")
    (hand_written / "bootstrap.yaml").write_text("port: !setting colour")
    with pytest.raises(EdgeIncomplete, match="'colour'"):
        render(_edge(tmp_path), hand_written=hand_written)


def test_traces_go_to_the_endpoint_only_when_there_is_one(tmp_path: Path) -> None:
    silent, exporting = _rendered(_edge(tmp_path)), _rendered(_edge(tmp_path, otlp_endpoint="http://127.0.0.1:4318"))
    assert _found(silent, "provider")[0]["typed_config"]["grpc_service"]["envoy_grpc"]["cluster_name"] == "nowhere"
    uri = _found(exporting, "provider")[0]["typed_config"]["http_service"]["http_uri"]
    assert (uri["uri"], uri["cluster"]) == ("http://127.0.0.1:4318/v1/traces", "otlp")


def test_each_reply_of_envoy_has_its_own_reason_or_shares_one_on_purpose(tmp_path: Path) -> None:
    mappers = _found(_rendered(_edge(tmp_path)), "mappers")[0]
    reasons = [_found(mapper, "reason")[0] for mapper in mappers]
    assert all(reason == reason.upper() for reason in reasons)
    assert sorted({reason for reason in reasons if reasons.count(reason) > 1}) == ["SERVICE_UNAVAILABLE"]


@pytest.mark.parametrize(("bind", "reached"), [("0.0.0.0", "127.0.0.1"), ("127.0.0.2", "127.0.0.2")])
def test_keys_are_fetched_where_the_listener_is(tmp_path: Path, bind: str, reached: str) -> None:
    text = render(_edge(tmp_path, bind=bind))
    assert f"http://{reached}:8080/.well-known/jwks.json" in text
    self_cluster = next(cluster for cluster in _found(yaml.safe_load(text), "clusters")[0] if cluster["name"] == "self")
    assert _found(self_cluster, "address")[-1] == reached
