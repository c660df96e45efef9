"""Envoy's discovery resources: what is written by hand in envoy/, completed with what follows from the contracts.

Each is the whole content of a file that Envoy loads as it is. Field names: Envoy's v3 API.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_EXTENSION = "type.googleapis.com/envoy.config.core.v3.TypedExtensionConfig"
_ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
_CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
_LARGEST_PAGE = 8 * 1024 * 1024  # bytes; the largest page is a script of 1.5 MB

Resources = dict[str, list[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class HandWritten:
    """The folder envoy/."""

    folder: Path

    def part(self, name: str) -> Any:
        """A file of the folder. Raises OSError."""
        return yaml.safe_load((self.folder / name).read_text(encoding="utf-8"))

    def routes(self, name: str, own: Iterable[Mapping[str, Any]]) -> Resources:
        """The routes of one listener between those for preflights and the one for what nothing matches."""
        host = {
            "name": name,
            "domains": ["*"],
            "typed_per_filter_config": {"envoy.filters.http.cors": self.part("cors.yaml")},
            "retry_policy": self.part("retries.yaml"),
            "response_headers_to_add": [{"header": {"key": "x-trace-id", "value": "%TRACE_ID%"}}],
            "routes": [*self.part("preflight_routes.yaml"), *own, *self.part("fallback_routes.yaml")],
        }
        return _resources(
            {
                "@type": _ROUTES,
                "name": name,
                "validate_clusters": True,
                "max_direct_response_body_size_bytes": _LARGEST_PAGE,
                "virtual_hosts": [host],
            }
        )

    def clusters(self, processes: Iterable[str]) -> Resources:
        """One cluster for each process, named after it. Its endpoints are in eds/ and change without a restart."""
        return _resources(*(self._cluster(process) for process in processes))

    def _cluster(self, process: str) -> dict[str, Any]:
        cluster = self.part("cluster.yaml")
        tls = cluster["transport_socket"]["typed_config"]
        tls["sni"] = process
        tls["common_tls_context"]["combined_validation_context"]["default_validation_context"] = {
            "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": process}}]
        }
        endpoints = {"path": f"eds/{process}.json", "watched_directory": {"path": "eds"}}
        source = {"path_config_source": endpoints, "resource_api_version": "V3"}
        return {"@type": _CLUSTER, "name": process, **cluster, "eds_cluster_config": {"eds_config": source}}

    def authentication(self, requirements: Mapping[str, Any]) -> Resources:
        """The filter that verifies tokens, with the requirements that routes name."""
        return extension(
            "envoy.filters.http.jwt_authn", {**self.part("authentication.yaml"), "requirement_map": dict(requirements)}
        )


def extension(name: str, configuration: Mapping[str, Any]) -> Resources:
    """A filter of this name."""
    return _resources({"@type": _EXTENSION, "name": name, "typed_config": dict(configuration)})


def _resources(*resources: dict[str, Any]) -> Resources:
    return {"resources": list(resources)}
