"""Envoy's configuration: what is written by hand, what the contracts generate, and this stack's ports, joined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import yaml

from tools.console.errors import Refused
from tools.console.folders import GENERATED
from tools.console.ports import reachable
from tools.console.roster import SOURCE
from tools.console.tls import EDGE, CertificateFolder

HAND_WRITTEN: Final = SOURCE / "envoy"
DOMAIN: Final = "edge.bookstore"
"""ErrorInfo.domain of Envoy's own answers."""
_COLLECTOR: Final = "otlp"
_NOWHERE: Final = "nowhere"


class EdgeIncomplete(Refused):
    """A part of the configuration is missing or names something unknown; the message says which."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One Envoy: where it listens, which addresses (`host:port`) serve each process, and where its files are."""

    bind: str
    http_port: int
    grpc_port: int
    admin_port: int
    upstreams: Mapping[str, Sequence[str]]
    certificates: CertificateFolder
    access_log: Path
    otlp_endpoint: str = ""


@dataclass(frozen=True, slots=True)
class _Mark:
    """Stands in the hand-written part for something else."""

    kind: str
    name: str


class _Loader(yaml.CSafeLoader):
    """Reads `!setting`, `!file` and `!generated` as marks."""


def _mark(_: _Loader, kind: str, node: yaml.ScalarNode) -> _Mark:
    return _Mark(kind, str(node.value))


_Loader.add_multi_constructor("!", _mark)


def render(edge: Edge, *, hand_written: Path = HAND_WRITTEN, generated: Path = GENERATED) -> str:
    """The bootstrap as YAML. Raises EdgeIncomplete."""
    parts = _Parts(hand_written=hand_written, generated=generated)
    settings: dict[str, object] = {
        "bind_address": edge.bind,
        "http_port": edge.http_port,
        "grpc_port": edge.grpc_port,
        "admin_port": edge.admin_port,
        "access_log": str(edge.access_log),
        "jwks_uri": f"http://{reachable(edge.bind)}:{edge.http_port}/.well-known/jwks.json",
        "tracer": _tracer(edge.otlp_endpoint),
        "json_routes": _routes(parts, "http_routes"),
        "grpc_routes": _routes(parts, "grpc_routes"),
        "local_replies": _local_replies(parts.written("local_replies.yaml")),
        "clusters": _clusters(edge, parts),
    }
    bootstrap = parts.resolve(_Mark("file", "bootstrap.yaml"), settings)
    return yaml.dump(bootstrap, Dumper=yaml.CSafeDumper, sort_keys=False, width=120)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    hand_written: Path
    generated: Path

    def resolve(self, node: Any, settings: Mapping[str, object]) -> Any:
        """Replaces marks by what they stand for, all the way down; `include` merges another mapping in."""
        match node:
            case _Mark(kind="setting", name=name):
                if name not in settings:
                    raise EdgeIncomplete(f"envoy/ asks for the unknown setting {name!r}")
                return settings[name]
            case _Mark(kind="file", name=name) if not name.endswith(".yaml"):
                return self._text(self.hand_written / name)
            case _Mark(kind="file", name=name):
                return self.resolve(self.written(name), settings)
            case _Mark(name=name):
                return self.made(name)
            case {"include": included, **rest}:
                return {**self.resolve(included, settings), **self.resolve(rest, settings)}
            case dict():
                return {key: self.resolve(value, settings) for key, value in node.items()}
            case list():
                return [self.resolve(value, settings) for value in node]
        return node

    def written(self, name: str) -> Any:
        """A file of the hand-written part, marks and all."""
        return self._yaml(self.hand_written / name)

    def made(self, name: str) -> Any:
        """A generated file. It names the descriptor set relative to the repository, but Envoy runs anywhere."""
        part = self._yaml(self.generated / "envoy" / f"{name}.yaml")
        return _with_descriptor_set(part, str(self.generated / "descriptor_set.binpb"))

    def _yaml(self, file: Path) -> Any:
        return yaml.load(self._text(file), Loader=_Loader)  # noqa: S506  # a SafeLoader with three tags of its own

    @staticmethod
    def _text(file: Path) -> str:
        try:
            return file.read_text(encoding="utf-8")
        except OSError as error:
            raise EdgeIncomplete(
                f"{file} cannot be read ({error.strerror}); `make protos` writes generated parts"
            ) from None


def _with_descriptor_set(part: Any, file: str) -> Any:
    if isinstance(part, list):
        return [_with_descriptor_set(item, file) for item in part]
    if isinstance(part, dict):
        return {
            key: file if key == "proto_descriptor" else _with_descriptor_set(value, file) for key, value in part.items()
        }
    return part


def _routes(parts: _Parts, generated: str) -> list[object]:
    return [*parts.written("preflight_routes.yaml"), *parts.made(generated), *parts.written("fallback_routes.yaml")]


def _clusters(edge: Edge, parts: _Parts) -> list[object]:
    clusters: list[object] = [
        _plain_cluster("self", [f"{reachable(edge.bind)}:{edge.http_port}"]),
        _plain_cluster(_NOWHERE, []),
    ]
    for process in parts.made("clusters"):
        addresses = edge.upstreams.get(process, ())
        if not addresses:
            raise EdgeIncomplete(f"routes lead to {process}, which has no address")
        settings: dict[str, object] = {
            "cluster_name": process,
            "cluster_type": "STRICT_DNS",  # takes addresses as well as names
            "load_assignment": _load_assignment(process, addresses),
            "certificate": str(edge.certificates.certificate(EDGE)),
            "private_key": str(edge.certificates.key(EDGE)),
            "certificate_authority": str(edge.certificates.authority),
        }
        clusters.append(parts.resolve(_Mark("file", "cluster.yaml"), settings))
    url = urlsplit(edge.otlp_endpoint)
    collectors = [f"{url.hostname}:{url.port or 4318}"] if edge.otlp_endpoint else []
    clusters.append(_plain_cluster(_COLLECTOR, collectors))
    return clusters


def _plain_cluster(name: str, addresses: Sequence[str]) -> dict[str, object]:
    return {
        "name": name,
        "type": "STRICT_DNS",
        "connect_timeout": "1s",
        "load_assignment": _load_assignment(name, addresses),
    }


def _load_assignment(cluster: str, addresses: Sequence[str]) -> dict[str, object]:
    endpoints = []
    for address in addresses:
        host, _, port = address.rpartition(":")
        endpoints.append({"endpoint": {"address": {"socket_address": {"address": host, "port_value": int(port)}}}})
    return {"cluster_name": cluster, "endpoints": [{"lb_endpoints": endpoints}]}


def _tracer(otlp_endpoint: str) -> dict[str, object]:
    """Envoy begins or continues every trace. It insists on an exporter: without an endpoint that is a cluster of no
    addresses, which drops the spans at once while the context still travels on.
    """
    exporter: dict[str, object] = {"grpc_service": {"envoy_grpc": {"cluster_name": _NOWHERE}, "timeout": "1s"}}
    if otlp_endpoint:
        uri = f"{otlp_endpoint.rstrip('/')}/v1/traces"
        exporter = {"http_service": {"http_uri": {"uri": uri, "cluster": _COLLECTOR, "timeout": "1s"}}}
    return {
        "@type": "type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig",
        "service_name": EDGE,
        **exporter,
    }


def _local_replies(rows: Sequence[Mapping[str, Any]]) -> dict[str, object]:
    unlisted = {"status": 500, "code": 2, "reason": "EDGE_REFUSED", "message": "the edge answered %RESPONSE_CODE%"}
    return {"mappers": [_mapper(row) for row in rows], "body_format": _status_format(unlisted)}


def _mapper(row: Mapping[str, Any]) -> dict[str, object]:
    comparison = {"op": "EQ", "value": {"default_value": row["status"], "runtime_key": f"edge.replies.{row['status']}"}}
    return {
        "filter": {"status_code_filter": {"comparison": comparison}},
        "body_format_override": _status_format(row),
    }


def _status_format(row: Mapping[str, Any]) -> dict[str, object]:
    """google.rpc.Status. `cause` is Envoy's word for what the client did, as jwt_authn_access_denied{Jwt_is_expired}.

    What goes wrong behind the edge is not told.
    """
    error_info: dict[str, object] = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": row["reason"],
        "domain": DOMAIN,
    }
    if row["status"] < HTTPStatus.INTERNAL_SERVER_ERROR:
        error_info["metadata"] = {"cause": "%RESPONSE_CODE_DETAILS%"}
    details: list[dict[str, object]] = [
        error_info,
        {"@type": "type.googleapis.com/google.rpc.RequestInfo", "requestId": "%REQ(X-REQUEST-ID)%"},
    ]
    if "retry_after" in row:
        details.append({"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": row["retry_after"]})
    return {
        "content_type": "application/json",
        "json_format": {"code": row["code"], "message": row["message"], "details": details},
    }
