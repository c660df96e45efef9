"""URL templates: what they match and which comes first."""

import re

import pytest

from tools.codegen.http_template import Variable, parse_template


@pytest.mark.parametrize(
    ("source", "matched", "missed"),
    [
        ("/v1/books", ["/v1/books"], ["/v1/books/1", "/v1/books:batchGet", "/v1"]),
        ("/v1/books:batchGet", ["/v1/books:batchGet"], ["/v1/books", "/v1/books/batchGet"]),
        ("/v1/{name=books/*}", ["/v1/books/9780141439600"], ["/v1/books", "/v1/books/", "/v1/books/1:undelete"]),
        ("/v1/{name=books/*}:undelete", ["/v1/books/1:undelete"], ["/v1/books/1", "/v1/books/1:delete"]),
        ("/v1/{parent=stocks/*}/movements", ["/v1/stocks/1/movements"], ["/v1/stocks/1", "/v1/stocks/1/2/movements"]),
        ("/.well-known/jwks.json", ["/.well-known/jwks.json"], ["/xwell-known/jwks.json", "/.well-known/jwksxjson"]),
        ("/v1/things/{thing.id}", ["/v1/things/7"], ["/v1/things/7/8"]),
    ],
)
def test_a_template_matches_its_paths_and_no_others(source: str, matched: list[str], missed: list[str]) -> None:
    pattern = re.compile(parse_template(source).regex)
    assert [path for path in matched if not pattern.fullmatch(path)] == []
    assert [path for path in missed if pattern.fullmatch(path)] == []


def test_a_variable_binds_all_segments_of_its_pattern() -> None:
    template = parse_template("/v1/{user.name=shops/*/users/*}/orders:search")
    assert template.variables == (Variable(field="user.name", start=1, end=5),)
    assert template.segments == ("v1", "shops", "*", "users", "*", "orders")
    assert template.verb == "search"


@pytest.mark.parametrize("source", ["v1/books", "/v1/**", "/v1/{name=books/**}", "/v1//books", "/v1/{}"])
def test_what_the_repository_does_not_use_is_refused(source: str) -> None:
    with pytest.raises(ValueError, match=re.escape(source)):
        parse_template(source)


@pytest.mark.parametrize(
    ("one", "other", "overlap", "decided"),
    [
        ("/v1/books/new", "/v1/{name=books/*}", True, True),
        ("/v1/{name=books/*}", "/v1/{book=books/*}", True, False),
        ("/v1/{name=*}/new", "/v1/books/{id}", True, False),
        ("/v1/{name=books/*}", "/v1/{name=books/*}:undelete", False, False),
        ("/v1/{name=books/*}", "/v1/{name=users/*}", False, False),
        ("/v1/books", "/v1/{name=books/*}", False, False),
    ],
)
def test_overlapping_templates_are_decided_only_when_one_is_narrower(
    one: str, other: str, overlap: bool, decided: bool
) -> None:
    a, b = parse_template(one), parse_template(other)
    assert (a.overlaps(b), b.overlaps(a)) == (overlap, overlap)
    assert (a.narrows(b) or b.narrows(a)) == decided


def test_literals_sort_before_wildcards() -> None:
    sources = ["/v1/{name=books/*}", "/v1/{name=books/*}:undelete", "/v1/books/new", "/v1/books"]
    ordered = sorted((parse_template(source) for source in sources), key=lambda template: template.order)
    positions = {template.source: index for index, template in enumerate(ordered)}
    assert positions["/v1/books/new"] < positions["/v1/{name=books/*}"]
