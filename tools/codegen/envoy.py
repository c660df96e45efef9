"""The parts of Envoy's configuration that follow from the contracts; envoy/ holds the hand-written rest.

Every part is plain YAML to be spliced in: a list of routes per listener, the JWT requirements they name, the
transcoder's configuration and the list of clusters. Field names: Envoy's v3 API.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from itertools import groupby
from typing import Any

import yaml

from tools.codegen.contract import Access, Contract, Idempotency, Method, Route
from tools.codegen.http_template import Template

JWT_PROVIDER = "bookstore"
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

# Bytes of an answer the transcoder may hold, as large as services send; it answers 500 to more. A page of 1,000 full
# books is larger than the listener's buffers, which are the limit otherwise.
_LARGEST_ANSWER = 16 * 1024 * 1024

_OPTIONAL = "optional"
_SOUND_IF_SENT = "sound-if-sent"
_REQUIRED = "required"
_JWT_REQUIREMENTS = {
    # An invalid token counts as none: the service then sees an anonymous caller.
    _OPTIONAL: {
        "requires_any": {"requirements": [{"provider_name": JWT_PROVIDER}, {"allow_missing_or_failed": {}}]},
    },
    # Who sends a token means to act as somebody: a change must not be made for an anonymous caller instead.
    _SOUND_IF_SENT: {
        "requires_any": {"requirements": [{"provider_name": JWT_PROVIDER}, {"allow_missing": {}}]},
    },
    _REQUIRED: {"provider_name": JWT_PROVIDER},
}
_HEADER = "# Generated from protos/ by `make protos`; do not edit.\n"


def envoy_parts(contract: Contract) -> dict[str, bytes]:
    """The files of generated/envoy by name."""
    external = [method for method in contract.methods if method.external]
    return {
        "http_routes.yaml": _dump("Routes of the JSON listener, most specific first.", http_routes(external)),
        "grpc_routes.yaml": _dump("Routes of the gRPC listener.", [_grpc_route(method) for method in external]),
        "jwt_requirements.yaml": _dump("`requirement_map` of jwt_authn; routes name its keys.", _JWT_REQUIREMENTS),
        "transcoder.yaml": _dump("`typed_config` of the JSON transcoder.", _transcoder(_services(external))),
        "clusters.yaml": _dump(
            "Names of the clusters that routes point to: the processes.",
            sorted({method.served_by for method in external}),
        ),
    }


def http_routes(external: Iterable[Method]) -> list[dict[str, Any]]:
    """One route per HTTP binding, literal paths before wildcards, and after each path's last one the answer 405."""
    bindings = sorted(
        ((route, method) for method in external for route in method.routes),
        key=lambda binding: (binding[0].template.order, binding[0].verb),
    )
    routes: list[dict[str, Any]] = []
    for _, same_path in groupby(bindings, key=lambda binding: binding[0].template.regex):
        group = list(same_path)
        routes += [_http_route(route, method) for route, method in group]
        routes.append(_method_not_allowed(group[0][0].template, [route.verb for route, _ in group]))
    return routes


def jwt_requirement(method: Method) -> str | None:
    """The JWT requirement of a method: a key of the requirement map, or None when no token is looked at.

    Calls that try a secret of their own, and documents under /.well-known/, work with a broken token too; the key set
    itself must, for the edge fetches it through its own listener before it can check any token.
    """
    policy = method.enforced
    if policy.access in (Access.USER, Access.OWNER, Access.ROLE):
        return _REQUIRED
    well_known = any(route.template.segments[0] == ".well-known" for route in method.routes)
    if policy.access is Access.PUBLIC and (policy.rate_class == "CREDENTIALS" or well_known):
        return None
    return _OPTIONAL if method.idempotency is Idempotency.NO_SIDE_EFFECTS else _SOUND_IF_SENT


def _http_route(route: Route, method: Method) -> dict[str, Any]:
    entry = _route(
        method,
        {**_path(route.template), "headers": [{"name": ":method", "string_match": {"exact": route.verb}}]},
    )
    if method.descriptor.server_streaming:
        events = {**_transcoder([method.service])}
        events["print_options"] = {**events["print_options"], "stream_sse_style_delimited": True}
        entry["typed_per_filter_config"][_TRANSCODER] = events
        entry["response_headers_to_add"] = [
            {"header": {"key": "cache-control", "value": "no-cache"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"},
            # nginx and its like would collect the stream before passing it on.
            {"header": {"key": "x-accel-buffering", "value": "no"}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"},
        ]
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


def _method_not_allowed(template: Template, verbs: Iterable[str]) -> dict[str, Any]:
    allowed = ", ".join(sorted({*verbs, "OPTIONS"}))
    return {
        "name": f"405 {template.source}",
        "match": _path(template),
        "direct_response": {"status": 405},
        "response_headers_to_add": [
            {"header": {"key": "allow", "value": allowed}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
        ],
        "typed_per_filter_config": {_JWT: {"@type": _TYPES[_JWT], "disabled": True}},
    }


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
