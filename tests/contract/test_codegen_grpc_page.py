"""The gRPC reference."""

import html
import json
import re
from pathlib import Path

from tools.codegen import outputs

REPOSITORY = Path(__file__).parents[2]
CONTRACT, _ = outputs.load(REPOSITORY)
PAGES = REPOSITORY / outputs.GENERATED / "pages"
PAGE = (PAGES / "grpc.html").read_text(encoding="utf-8")
TEXT = " ".join(html.unescape(re.sub(r"<[^>]+>", "", PAGE)).split())
EXTERNAL = [method for method in CONTRACT.methods if method.external]
INTERNAL = [method for method in CONTRACT.methods if not method.external]


def test_it_describes_every_method_that_clients_can_call_and_no_other() -> None:
    assert INTERNAL
    for method in EXTERNAL:
        assert f'id="{method.descriptor.full_name}"' in PAGE
        assert " ".join(method.comment.split("\n\n")[0].replace("`", "").split()) in TEXT
        for route in method.routes:
            assert f"{route.verb} {route.template.source}" in TEXT
    for method in INTERNAL:
        assert method.descriptor.full_name not in PAGE


def test_every_type_it_names_is_explained_there() -> None:
    ids = re.findall(r'id="([^"]+)"', PAGE)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', PAGE)) <= set(ids)
    assert {"bookstore.orders.v1.Order", "google.type.Money", "bookstore.catalog.v1.Book.Format"} <= set(ids)


def test_a_stream_is_shown_as_one() -> None:
    assert "rpc WatchOrder(WatchOrderRequest) returns (stream WatchOrderResponse)" in TEXT


def test_the_processes_are_those_that_clients_reach() -> None:
    rows = json.loads((PAGES / "processes.json").read_text(encoding="utf-8"))
    assert [row["name"] for row in rows] == sorted({method.served_by for method in EXTERNAL})
    assert all(service["summary"] and "." not in service["summary"] for row in rows for service in row["services"])
