"""docs/errors.md says what the library, the services and the edge do."""

import json
import re
from pathlib import Path

import pytest
import yaml

from chassis.kernel import ErrorKind
from tools.codegen.openapi.examples import ERROR

REPOSITORY = Path(__file__).parents[2]
PAGE = (REPOSITORY / "docs/errors.md").read_text(encoding="utf-8")
REPLIES = yaml.safe_load((REPOSITORY / "envoy/local_replies.yaml").read_text(encoding="utf-8"))


def statuses() -> dict[str, int]:
    """The HTTP status of each gRPC code, from the first table."""
    return {code: int(status) for code, status in re.findall(r"^\| ([A-Z_]+) \| (\d{3})", PAGE, re.MULTILINE)}


def test_it_shows_an_error() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    assert json.loads(example) == ERROR


def test_every_code_of_a_service_has_its_http_status() -> None:
    assert {kind.name for kind in ErrorKind} <= set(statuses())
    assert statuses()["ABORTED"] == 409


@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: str(reply["status"]))
def test_an_answer_of_the_edge_has_the_status_of_its_code_or_one_that_is_named(reply: dict[str, object]) -> None:
    (code,) = re.findall(rf"^## edge.bookstore$.*?^\| {reply['reason']} \| (\w+) \|", PAGE, re.MULTILINE | re.DOTALL)
    named = f"{reply['reason']} {reply['status']}" in " ".join(PAGE.split())
    assert named or statuses()[code] == reply["status"] or (reply["status"], code) == (502, "UNAVAILABLE")


def test_a_reason_names_the_rpcs_that_return_it() -> None:
    assert re.search(r"^\| CART_EMPTY \| FAILED_PRECONDITION \| `cart` \| .* \| PlaceOrder \|$", PAGE, re.MULTILINE)
    assert re.search(r"^\| PAGE_TOKEN_INVALID .* RPCs whose request has `page_token` \|$", PAGE, re.MULTILINE)
