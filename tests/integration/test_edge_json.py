"""JSON says what it means: what the edge lets through to the transcoder, and what it rejects with the field named.

The contract of these tests has every form that ProtoJSON knows. FUZZ_BODIES=5000 draws more bodies than the usual few.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.message_factory import GetMessageClass

from tests.integration.edge_harness import Answer, Stand, running_edge
from tests.integration.json_bodies import Bodies
from tests.integration.json_cases import BAD, GOOD
from tests.integration.json_spoilers import spoilt
from tests.integration.sample_contract import Sample, compiled
from tools.codegen.contract import Contract, Method
from tools.console.edge import processes
from tools.console.paths import GENERATED

FUZZ_BODIES = int(os.environ.get("FUZZ_BODIES", "250"))


CONTRACT = Contract(FileDescriptorSet.FromString((GENERATED / "descriptor_set.binpb").read_bytes()))


@dataclass
class Edge:
    """The edge before the sample's service."""

    stand: Stand
    sample: Sample

    def store(self, body: str | bytes, path: str = "/v1/things:store", verb: str = "POST") -> Answer:
        """Sends a body."""
        return self.stand.call(verb, path, body=body.encode() if isinstance(body, str) else body)

    def parsed(self, body: str) -> Any:
        """The body as Python's own reader of ProtoJSON has it, in a form that can be compared."""
        message: Any = GetMessageClass(self.sample.thing)()
        return self.plain(json_format.Parse(body, message, descriptor_pool=self.sample.pool))

    def plain(self, message: Any) -> Any:
        """A message in a form that can be compared."""
        return json_format.MessageToDict(message, descriptor_pool=self.sample.pool)


@pytest.fixture(scope="module")
def edge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    sample = compiled(tmp_path_factory.mktemp("contract"))
    folder = tmp_path_factory.mktemp("edge")
    with running_edge(folder, generated=sample.generated, servicers={"storefront": sample.register}) as stand:
        yield Edge(stand, sample)


def rejected(edge: Edge, answer: Answer, field: str, problem: str, calls: int) -> None:
    """The filter rejected the body, named the field and let nothing through."""
    assert answer.status == 400, answer.body
    assert answer.reason() == ("REQUEST_MALFORMED", "edge.bookstore")
    assert answer.fields() == [field]
    assert f"{field}: {problem}" in answer.json["message"]
    assert "regular expression" not in answer.json["message"]
    assert len(edge.sample.received) == calls


@pytest.mark.parametrize(("body", "field", "problem"), BAD, ids=[body[:40] for body, _, _ in BAD])
def test_a_bad_body_is_rejected_with_the_field_named(edge: Edge, body: str, field: str, problem: str) -> None:
    calls = len(edge.sample.received)
    rejected(edge, edge.store(body), field, problem, calls)


@pytest.mark.parametrize(
    "text",
    [b"\xff", b"\xc0\xaf", b"\xe0\x80\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe4", b"\x80", b"\xf0\x9f\x98"],
)
def test_what_is_not_utf_8_is_rejected(edge: Edge, text: bytes) -> None:
    calls = len(edge.sample.received)
    rejected(edge, edge.store(b'{"text": "a' + text + b'"}'), "text", "is not UTF-8", calls)


@pytest.mark.parametrize("body", GOOD)
def test_a_good_body_arrives_as_it_was_meant(edge: Edge, body: str) -> None:
    assert edge.store(body).status == 200
    assert edge.plain(edge.sample.received[-1]) == edge.parsed(body)


@pytest.mark.parametrize(
    ("path", "verb", "body", "field", "problem"),
    [
        ("/v1/things", "POST", '{"text": 1}', "thing.text", "must be a string"),
        ("/v1/things", "POST", '{"zz": 1}', "thing.zz", "unknown field"),
        ("/v1/things", "POST", "null", "thing", "must not be null"),
        ("/v1/texts", "POST", '["a", 5]', "some_texts[1]", "must be a string"),
        ("/v1/texts", "POST", "{}", "some_texts", "must be a list"),
        ("/v1/texts", "POST", '["a", "a", "a", "a", "a", "a"]', "some_texts", "must have at most 5 items"),
        ("/v1/things/1", "GET", "{}", "body", "this call takes none"),
        ("/v1/things/1", "DELETE", "{}", "body", "this call takes none"),
    ],
)
def test_the_body_is_what_the_route_says(edge: Edge, path: str, verb: str, body: str, field: str, problem: str) -> None:
    calls = len(edge.sample.received)
    rejected(edge, edge.store(body, path, verb), field, problem, calls)


def test_calls_without_a_body_pass(edge: Edge) -> None:
    assert edge.stand.call("GET", "/v1/things/1").status == 200
    assert edge.sample.received[-1].thing_id == "1"
    assert edge.stand.call("DELETE", "/v1/things/2").status == 200
    assert edge.store("", "/v1/things:store").status == 200


@pytest.mark.parametrize(
    "body",
    [
        '{"some_texts": [' + ",".join(['""'] * 330_000) + "]}",
        '{"any_value": ' + "[" * 500_000,
        '{"any_object": {' + ",".join(f'"{number}": 1' for number in range(80_000)) + "}}",
        '{"text": "' + "\\\\" * 500_000,
        '{"text": "' + '\\"' * 500_000,
        '{"text": "' + "\\u0041" * 170_000 + '"}',
        '{"text": "' + "本" * 340_000 + '"}',
        " " * 1_000_000 + "{}",
        "[" * 1_000_000,
    ],
    ids=["items", "levels", "members", "backslashes", "quotes", "escapes", "characters", "spaces", "brackets"],
)
def test_a_hostile_body_is_cheap(edge: Edge, body: str) -> None:
    """A mebibyte took less than 0.1 s of Envoy's CPU, transcoding included; quadratic work would take hours."""
    before = edge.stand.cpu_seconds()
    assert edge.store(body).status in (200, 400)
    assert edge.stand.cpu_seconds() - before < 1


def test_drawn_bodies_arrive_as_they_were_meant(edge: Edge) -> None:
    random = Random(FUZZ_BODIES)
    bodies = Bodies(random)
    for _ in range(FUZZ_BODIES):
        body = bodies.text(bodies.of(edge.sample.thing))
        answer = edge.store(body)
        assert answer.status == 200, (body, answer.body)
        assert edge.plain(edge.sample.received[-1]) == edge.parsed(body), body


def test_drawn_bodies_spoilt_in_one_place_are_rejected_with_the_field_named(edge: Edge) -> None:
    random = Random(FUZZ_BODIES)
    bodies = Bodies(random)
    done: set[str] = set()
    for _ in range(FUZZ_BODIES):
        body, place, what = spoilt(bodies, bodies.of(edge.sample.thing), random)
        calls = len(edge.sample.received)
        answer = edge.store(body)
        assert (answer.status, len(edge.sample.received)) == (400, calls), (what, body, answer.body)
        assert answer.fields() == [place], (what, body, answer.body)
        done.add(what)
    assert len(done) >= 10, "the draw has nearly all ways to spoil a body"


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    servicers = dict.fromkeys(processes(), _no_servicer)
    with running_edge(tmp_path_factory.mktemp("shop"), servicers=servicers) as stand:
        yield stand


def _no_servicer(_: grpc.Server) -> None:
    """Every call is UNIMPLEMENTED."""


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/v1/promotions", '{"title": "x", "maxRedemtions": 1}', "promotion.maxRedemtions"),
        ("POST", "/v1/baskets:price", '{"items": [{"book": "books/emma", "quantity": 1}]}', "items"),
        ("POST", "/v1/baskets:price", '{"lines": [{"book": "books/emma", "qty": 1}]}', "lines[0].qty"),
        ("POST", "/v1/baskets:price", '{"lines": {"book": "books/emma", "quantity": 1}}', "lines"),
        ("POST", "/v1/baskets:price", '{"coupons": ["A", "B"], "coupons": []}', "coupons"),
        ("POST", "/v1/carts/me:addItem", '{"book": "books/emma", "quantity": 1.0}', "quantity"),
        ("GET", "/v1/books", '{"pageSize": 1}', "body"),
    ],
)  # fmt: skip
def test_the_shop_says_what_is_wrong(shop: Stand, method: str, path: str, body: str, field: str) -> None:
    answer = shop.call(method, path, body=body.encode(), token=shop.token())
    assert (answer.status, answer.fields()) == (400, [field]), answer.body


@pytest.mark.parametrize("count", [11, 2_000, 330_000])
def test_a_long_list_of_coupons_is_rejected_by_its_length(shop: Stand, count: int) -> None:
    before = shop.cpu_seconds()
    answer = shop.call("POST", "/v1/baskets:price", body=('{"coupons":["",' + '"",' * (count - 2) + '""]}').encode())
    assert (answer.status, answer.fields()) == (400, ["coupons"]), answer.body
    assert "must have at most 10 items" in answer.json["message"]
    assert shop.cpu_seconds() - before < 0.5


def path_of(method: Method) -> str:
    """A path of the method's first route."""
    template = method.routes[0].template
    segments = "/".join("abc" if segment == "*" else segment for segment in template.segments)
    return f"/{segments}:{template.verb}" if template.verb else f"/{segments}"


def test_drawn_bodies_of_the_shop(shop: Stand) -> None:
    """Good ones are not the filter's to reject, whatever the transcoder and the services make of them."""
    random = Random(FUZZ_BODIES)
    bodies, token = Bodies(random), shop.token()
    methods = [method for method in CONTRACT.methods if method.routes and method.routes[0].body]
    for _ in range(FUZZ_BODIES):
        method = random.choice(methods)
        route, request = method.routes[0], method.descriptor.input_type
        resource = None if route.body == "*" else request.fields_by_name[route.body].message_type
        good = bodies.of(resource, route.body) if resource is not None else bodies.of(request)
        text = bodies.text(good)
        answer = shop.call(route.verb, path_of(method), body=text.encode(), token=token)
        assert b"lua_response" not in answer.body, (method.name, text, answer.body)
        text, place, what = spoilt(bodies, good, random)
        answer = shop.call(route.verb, path_of(method), body=text.encode(), token=token)
        assert answer.status == 400, (method.name, what, text, answer.body)
        assert answer.fields() == [place], (method.name, what, text, answer.body)
