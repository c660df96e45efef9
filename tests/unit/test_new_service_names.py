"""Names of new services: what is derived from them, and which are rejected."""

from __future__ import annotations

import pytest

from tools.console.services import SOURCE
from tools.new_service.names import Names, NameUnusable, singular, usable_names


@pytest.mark.parametrize(
    ("name", "noun"),
    [
        ("wishes", "wish"),
        ("reviews", "review"),
        ("stories", "story"),
        ("boxes", "box"),
        ("branches", "branch"),
        ("losses", "loss"),
        ("offers", "offer"),
        ("houses", "house"),
        ("news", "new"),
        ("media", ""),
        ("press", ""),
        ("ies", "ie"),
    ],
)
def test_the_singular_of_a_regular_plural_is_derived(name: str, noun: str) -> None:
    assert singular(name) == noun


def test_a_noun_may_be_stated() -> None:
    assert usable_names(SOURCE, "media", "medium") == Names(name="media", noun="medium")
    assert Names(name="media", noun="item").values()["a_noun"] == "an item"


@pytest.mark.parametrize(
    ("name", "noun", "reason"),
    [
        ("catalog", "", "taken: services/catalog exists"),
        ("edge", "", "taken: protos/bookstore/edge exists"),
        ("books", "", "taken: another service has the route /v1/books"),
        ("sessions", "", "taken: another service has the route /v1/sessions"),
        ("tomes", "book", "the noun 'book' is taken: protos/bookstore/catalog/v1/book.proto"),
        ("Wishes", "", "lower-case letters"),
        ("wish-lists", "", "lower-case letters"),
        ("wish_lists", "", "a host name"),
        ("2wishes", "", "begins with a letter"),
        ("", "", "lower-case letters"),
        ("w" * 21, "", "2 to 20"),
        ("wishes\n", "", "lower-case letters"),
        ("class", "", "the name 'class' is a keyword of Python"),
        ("classes", "", "the noun 'class' is a keyword of Python"),
        ("matches", "", "the noun 'match' is a keyword of Python"),
        ("lists", "", "the noun 'list' is reserved"),
        ("stores", "", "the noun 'store' is reserved"),
        ("pages", "", "another service has the route /v1/pages"),
        ("nats", "", "the name 'nats' is reserved"),
        ("media", "", "--noun"),
        ("media", "media", "must differ"),
        ("media", "Medium", "the noun 'Medium' must be one word"),
    ],
)
def test_a_name_that_cannot_be_used_is_rejected_with_the_reason(name: str, noun: str, reason: str) -> None:
    with pytest.raises(NameUnusable, match=r"choose another|--noun|must") as caught:
        usable_names(SOURCE, name, noun)
    assert reason in str(caught.value)
