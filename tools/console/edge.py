"""What Envoy is told of this installation; envoy/ and generated/envoy/ hold the rest, which it loads as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from tools.console import binaries
from tools.console.certificates import EDGE, replace_file
from tools.console.endpoints import endpoints, write_endpoints
from tools.console.errors import Refused
from tools.console.local_replies import grpc_replies, json_replies
from tools.console.paths import GENERATED, DataFolder
from tools.console.ports import LOOPBACK, reachable
from tools.console.services import SOURCE

HAND_WRITTEN: Final = SOURCE / "envoy"
_COLLECTOR: Final = "otlp"
_NOWHERE: Final = "nowhere"
_SELF: Final = "self"
_MANAGER: Final = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"


class EdgeIncomplete(Refused):
    """A part of the configuration is missing or leads to a process without an address; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One Envoy: where it listens and which addresses (`host:port`) serve each process.

    `pages` are routes of the JSON listener besides those of the contracts.
    `trace_sample` is the share of requests, 0 to 1, whose trace is recorded; one that a client has begun keeps to the
    client's decision.
    """

    bind: str
    http_port: int
    grpc_port: int
    admin_port: int
    upstreams: Mapping[str, Sequence[str]]
    otlp_endpoint: str = ""
    pages: Sequence[object] = ()
    trace_sample: float = 1.0


def configure(edge: Edge, folder: DataFolder, *, generated: Path = GENERATED) -> tuple[str, ...]:
    """Writes what depends on the installation into `folder.run`. Returns the command, to be run in that folder.

    Raises EdgeIncomplete, BinaryMissing.
    """
    _link(folder.run / "envoy", HAND_WRITTEN)
    _link(folder.run / "generated", generated)
    _link(folder.run / "tls", folder.certificates.path)
    _link(folder.run / "logs", folder.logs)
    _write_listeners(edge, folder.run)
    _write_routes(edge, folder.run)
    for process in processes(generated):
        if not edge.upstreams.get(process):
            raise EdgeIncomplete(f"routes lead to {process}, which has no address")
        write_endpoints(folder.endpoints, process, edge.upstreams[process])
    write_endpoints(folder.endpoints, _SELF, [f"{reachable(edge.bind)}:{edge.http_port}"])
    return (
        str(binaries.envoy()),
        *("--config-path", "envoy/bootstrap.yaml"),
        *("--config-yaml", json.dumps(overlay(edge))),
        "--reject-unknown-dynamic-fields",
        *("--concurrency", "1"),
        "--disable-hot-restart",  # its shared memory would tie two stacks of one machine together
        *("--drain-time-s", "2", "--drain-strategy", "immediate"),
        *("--log-level", "warning", "--file-flush-interval-msec", "500"),  # the access log's delay
    )


def processes(generated: Path = GENERATED) -> list[str]:
    """The processes that routes lead to. Raises EdgeIncomplete."""
    return [str(cluster["name"]) for cluster in _read(generated / "envoy" / "clusters.yaml")["resources"]]


def overlay(edge: Edge) -> dict[str, Any]:
    """What is merged over envoy/bootstrap.yaml."""
    collectors = [_collector(edge.otlp_endpoint)] if edge.otlp_endpoint else []
    return {
        "admin": {"address": _address(LOOPBACK, edge.admin_port)},
        "static_resources": {
            "listeners": [
                _listener("json", _address(edge.bind, edge.http_port)),
                _listener("grpc", _address(edge.bind, edge.grpc_port)),
            ],
            "clusters": collectors,
        },
    }


def _listener(name: str, address: object) -> dict[str, object]:
    source = {"path_config_source": {"path": f"listeners/{name}.json"}, "resource_api_version": "V3"}
    manager = {"name": name, "config_discovery": {"config_source": source, "type_urls": [_MANAGER]}}
    return {
        "name": name,
        "address": address,
        "enable_reuse_port": False,  # or two Envoys would share the port in silence
        "per_connection_buffer_limit_bytes": 32768,
        "filter_chains": [{"filters": [manager]}],
    }


def _address(host: str, port: int) -> dict[str, object]:
    return {"socket_address": {"address": host, "port_value": port}}


def _collector(endpoint: str) -> dict[str, object]:
    url = urlsplit(endpoint)
    return {
        "name": _COLLECTOR,
        "type": "STRICT_DNS",  # takes addresses as well as names
        "connect_timeout": "1s",
        "load_assignment": endpoints(_COLLECTOR, [f"{url.hostname}:{url.port or 4318}"]),
    }


def _write_listeners(edge: Edge, run: Path) -> None:
    """The connection manager of each listener: what both share, its own part, its replies and the tracer."""
    shared = _read(HAND_WRITTEN / "connections.yaml")
    provider = {"name": "envoy.tracers.opentelemetry", "typed_config": _tracer(edge.otlp_endpoint, edge.trace_sample)}
    shared["tracing"]["provider"] = provider
    shared["access_log"] = _read(HAND_WRITTEN / "access_log.yaml")
    rows = _read(HAND_WRITTEN / "local_replies.yaml")
    mutations = _read(HAND_WRITTEN / "headers.yaml")["resources"][0]["typed_config"]["mutations"]
    headers = [mutation["append"] for mutation in mutations["response_mutations"]]
    for name, replies in (("json", json_replies), ("grpc", grpc_replies)):
        own = _read(HAND_WRITTEN / f"{name}_listener.yaml")
        manager = {**own, **shared, "local_reply_config": replies(rows, headers)}
        extension = {
            "@type": "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig",
            "name": name,
            "typed_config": manager,
        }
        _write(run / "listeners" / f"{name}.json", {"resources": [extension]})


def _write_routes(edge: Edge, run: Path) -> None:
    """The generated routes of the JSON listener with the pages behind the first one, which takes preflights."""
    routes = _read(run / "generated" / "envoy" / "http_routes.yaml")
    routes["resources"][0]["virtual_hosts"][0]["routes"][1:1] = edge.pages
    _write(run / "routes" / "json.json", routes)


def _read(file: Path) -> Any:
    try:
        return yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except OSError as error:
        raise EdgeIncomplete(
            f"{file} cannot be read ({error.strerror}); `make protos` writes generated parts"
        ) from None


def _write(file: Path, content: object) -> None:
    file.parent.mkdir(exist_ok=True)
    replace_file(file, json.dumps(content, indent=1).encode(), mode=0o600)


def _link(link: Path, target: Path) -> None:
    link.unlink(missing_ok=True)
    link.symlink_to(target.resolve(), target_is_directory=True)


def _tracer(otlp_endpoint: str, sample: float) -> dict[str, object]:
    """Envoy begins or continues every trace, and decides whether one that it begins is recorded; services keep to that.

    It insists on an exporter: without an endpoint that is a cluster of no addresses, which drops the spans at once
    while the context still travels on.
    """
    samplers = "type.googleapis.com/envoy.extensions.tracers.opentelemetry.samplers.v3"
    share = {"numerator": round(sample * 1_000_000), "denominator": "MILLION"}
    ratio = {"@type": f"{samplers}.TraceIdRatioBasedSamplerConfig", "sampling_percentage": share}
    by_parent = {
        "@type": f"{samplers}.ParentBasedSamplerConfig",
        "wrapped_sampler": {
            "name": "envoy.tracers.opentelemetry.samplers.trace_id_ratio_based",
            "typed_config": ratio,
        },
    }
    exporter: dict[str, object] = {"grpc_service": {"envoy_grpc": {"cluster_name": _NOWHERE}, "timeout": "1s"}}
    if otlp_endpoint:
        uri = f"{otlp_endpoint.rstrip('/')}/v1/traces"
        exporter = {"http_service": {"http_uri": {"uri": uri, "cluster": _COLLECTOR, "timeout": "1s"}}}
    return {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
        "service_name": EDGE,
        "sampler": {"name": "envoy.tracers.opentelemetry.samplers.parent_based", "typed_config": by_parent},
        **exporter,
    }
