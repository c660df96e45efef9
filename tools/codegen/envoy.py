"""The parts of Envoy's configuration that follow from the contracts; envoy/ holds the hand-written rest.

Every YAML file is a resource that Envoy loads as it is: the routes of each listener, the filter that verifies tokens,
the transcoder and the clusters. Field names: Envoy's v3 API.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import groupby
from pathlib import Path
from typing import Any

import yaml

from tools.codegen.contract import Contract, Method, Route
from tools.codegen.envoy_resources import HandWritten, extension
from tools.codegen.http_template import Template
from tools.codegen.json_tables import strict_tables
from tools.codegen.jwt_requirements import REQUIREMENTS, jwt_requirement
from tools.codegen.lua_tables import connect_tables, requests_tables

DESCRIPTOR_SET = "generated/descriptor_set.binpb"

_JWT = "envoy.filters.http.jwt_authn"
_TRANSCODER = "envoy.filters.http.grpc_json_transcoder"
_BUFFER = "envoy.filters.http.buffer"
_TYPES = {
    _JWT: "type.googleapis.com/envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig",
    _TRANSCODER: "type.googleapis.com/envoy.extensions.filters.http.grpc_json_transcoder.v3.GrpcJsonTranscoder",
    _BUFFER: "type.googleapis.com/envoy.extensions.filters.http.buffer.v3.BufferPerRoute",
}

# The service hears of its deadline this long before Envoy gives up, so that its own error, with details, wins.
_HEAD_START = timedelta(milliseconds=50)

# Bytes of an answer the transcoder may hold, as large as services send; it answers 500 to more. A page of 100 full
# books is larger than the listener's buffers, which are the limit otherwise.
_LARGEST_ANSWER = 16 * 1024 * 1024

_OVERWRITE = "OVERWRITE_IF_EXISTS_OR_ADD"
_HEADER = "# Generated from protos/ and envoy/ by `make protos`; do not edit.\n"


def envoy_parts(contract: Contract, hand_written: Path) -> dict[str, bytes]:
    """The files of generated/envoy by name; `hand_written` is the folder envoy/. Raises OSError."""
    written = HandWritten(hand_written)
    external = [method for method in contract.methods if method.external]
    grpc_routes = [*(_grpc_route(method) for method in external), *written.part("grpc_own_routes.yaml")]
    return {
        "http_routes.yaml": _dump(
            "Routes of the JSON listener, most specific first.", written.routes("json", http_routes(external))
        ),
        "grpc_routes.yaml": _dump("Routes of the gRPC listener.", written.routes("grpc", grpc_routes)),
        "authentication.yaml": _dump("The filter that verifies tokens.", written.authentication(REQUIREMENTS)),
        "transcoder.yaml": _dump("The JSON transcoder.", extension(_TRANSCODER, _transcoder(_services(external)))),
        "clusters.yaml": _dump(
            "The clusters that routes point to: the processes.",
            written.clusters(sorted({method.served_by for method in external})),
        ),
        "requests_tables.lua": requests_tables(contract),
        "connect_tables.lua": connect_tables(contract),
        "strict_tables.lua": strict_tables(contract),
    }


def http_routes(external: Iterable[Method]) -> list[dict[str, Any]]:
    """One route per HTTP binding, literal paths before wildcards, and after each path's last one those that tell which
    methods the path takes: 204 to OPTIONS and 405 to the rest.
    """
    bindings = sorted(
        ((route, method) for method in external for route in method.routes),
        key=lambda binding: (binding[0].template.order, binding[0].verb),
    )
    routes: list[dict[str, Any]] = []
    for _, same_path in groupby(bindings, key=lambda binding: binding[0].template.regex):
        group = list(same_path)
        routes += [_http_route(route, method) for route, method in group]
        routes += _allowed_methods(group[0][0].template, group)
    return routes


def _http_route(route: Route, method: Method) -> dict[str, Any]:
    entry = _route(method, {**_path(route.template), "headers": [_method_is(route.verb)]})
    if method.descriptor.server_streaming:
        events = {**_transcoder([method.service])}
        events["print_options"] = {**events["print_options"], "stream_sse_style_delimited": True}
        entry["typed_per_filter_config"][_TRANSCODER] = events
        # nginx and its like would collect the stream before passing it on.
        unbuffered = {"header": {"key": "x-accel-buffering", "value": "no"}, "append_action": _OVERWRITE}
        entry["response_headers_to_add"] = [unbuffered]
    return entry


def _grpc_route(method: Method) -> dict[str, Any]:
    # Not `grpc: {}`: that looks before the gRPC-Web filter has made application/grpc of application/grpc-web.
    speaks_grpc = {"name": "content-type", "string_match": {"prefix": "application/grpc"}}
    entry = _route(method, {"path": f"/{method.name}", "headers": [speaks_grpc]})
    if method.descriptor.client_streaming:
        entry["typed_per_filter_config"][_BUFFER] = {"@type": _TYPES[_BUFFER], "disabled": True}
    return entry


def _route(method: Method, match: Mapping[str, Any]) -> dict[str, Any]:
    timeout = method.enforced.timeout
    requirement = jwt_requirement(method)
    action: dict[str, Any] = {"cluster": method.served_by, "timeout": _seconds(timeout)}
    if method.descriptor.server_streaming:
        action["idle_timeout"] = _seconds(timeout)
    return {
        "name": method.name,
        "match": dict(match),
        "route": action,
        "request_headers_to_add": [
            {
                "header": {"key": "grpc-timeout", "value": f"{_milliseconds(timeout - _HEAD_START)}m"},
                "append_action": "ADD_IF_ABSENT",
            }
        ],
        "typed_per_filter_config": {
            _JWT: {
                "@type": _TYPES[_JWT],
                **({"requirement_name": requirement} if requirement else {"disabled": True}),
            }
        },
    }


def _allowed_methods(template: Template, group: Iterable[tuple[Route, Method]]) -> Iterator[dict[str, Any]]:
    verbs = {"OPTIONS"}
    for route, method in group:
        # A stream has no head to tell before it ends.
        verbs |= {"GET", "HEAD"} if route.verb == "GET" and not method.descriptor.server_streaming else {route.verb}
    allow = {"header": {"key": "allow", "value": ", ".join(sorted(verbs))}, "append_action": _OVERWRITE}
    for status, match in ((204, {"headers": [_method_is("OPTIONS")]}), (405, {})):
        yield {
            "name": f"{status} {template.source}",
            "match": {**_path(template), **match},
            "direct_response": {"status": status},
            "response_headers_to_add": [allow],
            "typed_per_filter_config": {_JWT: {"@type": _TYPES[_JWT], "disabled": True}},
        }


def _method_is(verb: str) -> dict[str, Any]:
    return {"name": ":method", "string_match": {"exact": verb}}


def _path(template: Template) -> dict[str, Any]:
    if template.is_literal:
        return {"path": template.regex.replace("\\", "")}
    return {"safe_regex": {"regex": template.regex}}


def _transcoder(services: Iterable[str]) -> dict[str, Any]:
    return {
        "@type": _TYPES[_TRANSCODER],
        "proto_descriptor": DESCRIPTOR_SET,
        "services": list(services),
        "convert_grpc_status": True,
        "match_incoming_request_route": True,  # routes name HTTP paths
        "query_param_unescape_plus": True,  # as forms and most libraries write a space
        "max_response_body_size": _LARGEST_ANSWER,
        "print_options": {"always_print_primitive_fields": True},
        "request_validation_options": {
            "reject_unknown_query_parameters": True,
            "reject_binding_body_field_collisions": True,
        },
    }


def _services(methods: Iterable[Method]) -> Iterator[str]:
    yield from sorted({method.service for method in methods if method.routes})


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.3f}".rstrip("0").rstrip(".") + "s"


def _milliseconds(span: timedelta) -> int:
    return span // timedelta(milliseconds=1)


class _Plain(yaml.SafeDumper):
    """Writes repeated values out instead of using anchors, so that any part can be copied on its own."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - signature of the base class
        return True


def _dump(comment: str, part: Any) -> bytes:
    text = yaml.dump(part, Dumper=_Plain, sort_keys=False, width=120, allow_unicode=True)
    return f"{_HEADER}# {comment}\n{text}".encode()
