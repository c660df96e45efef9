"""What the build refuses in a contract, shown on a small one in which every method breaks a rule of its own."""

import shutil
from pathlib import Path

import pytest

from tools.codegen import buf
from tools.codegen.checks import problems
from tools.codegen.contract import Contract, ContractError
from tools.codegen.descriptor_set import descriptor_set
from tools.codegen.outputs import differences, write

REPOSITORY = Path(__file__).parents[2]
SAMPLE = "protos/bookstore/sample/v1/sample_service.proto"

HEAD = """
syntax = "proto3";
package bookstore.sample.v1;
import "chassis/v1/policy.proto";
import "google/api/annotations.proto";
import "google/api/field_behavior.proto";
import "google/api/resource.proto";
import "google/type/date.proto";

// A thing.
message Thing {
  option (google.api.resource) = {type: "bookstore.example/Thing" pattern: "things/{thing}"};
  // Its name.
  string name = 1;
  // When it was made.
  google.type.Date made = 2;
  // Told once.
  %(secret)s secret = 3 [(google.api.field_behavior) = INPUT_ONLY];
}
"""
GOOD_POLICY = "access: ACCESS_PUBLIC timeout: {seconds: 1} rate_class: RATE_CLASS_BROWSE"
GOOD_IDEMPOTENCY = "option idempotency_level = NO_SIDE_EFFECTS;"


def method(
    name: str,
    *,
    comment: str = "// Does it.",
    http: str = "",
    idempotency: str = GOOD_IDEMPOTENCY,
    policy: str = GOOD_POLICY,
    request: str = "",
) -> tuple[str, str]:
    """An RPC that keeps every rule but the one a test changes, and its request message."""
    routes = http or f'get: "/v1/{name.lower()}s"'
    lines = [
        comment,
        f"rpc {name}({request or name + 'Request'}) returns (Thing) {{",
        f"  option (google.api.http) = {{{routes}}};" if http != "none" else "",
        f"  {idempotency}",
        f"  option (chassis.v1.policy) = {{{policy}}};" if policy else "",
        "}",
    ]
    return "\n".join(lines), "" if request else f"message {name}Request {{ string name = 1; int32 count = 2; }}"


def contract_of(folder: Path, *methods: tuple[str, str], secret: str = "optional string") -> Contract:
    """Compiles a workspace that holds our policy and one service with these methods."""
    return Contract(buf.descriptors(workspace(folder, *methods, secret=secret)))


def workspace(folder: Path, *methods: tuple[str, str], secret: str = "optional string") -> Path:
    file = folder / SAMPLE
    file.parent.mkdir(parents=True, exist_ok=True)
    service = "\n".join(["// Does things.", "service SampleService {", *(rpc for rpc, _ in methods), "}"])
    file.write_text("\n".join([HEAD % {"secret": secret}, service, *(request for _, request in methods)]))
    shutil.copyfile(REPOSITORY / "buf.yaml", folder / "buf.yaml")
    policy = Path("protos/chassis/v1/policy.proto")
    (folder / policy).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(REPOSITORY / policy, folder / policy)
    return folder


BREACHES = {
    "Uncommented": (method("Uncommented", comment=""), "has no comment"),
    "Unstated": (method("Unstated", idempotency=""), "has no idempotency_level"),
    "Unruled": (method("Unruled", policy=""), "has no (chassis.v1.policy)"),
    "Anyones": (
        method("Anyones", policy="timeout: {seconds: 1} rate_class: RATE_CLASS_BROWSE"),
        "policy has no access",
    ),
    "Endless": (method("Endless", policy="access: ACCESS_USER rate_class: RATE_CLASS_BROWSE"), "policy has no timeout"),
    "Unrated": (method("Unrated", policy="access: ACCESS_USER timeout: {seconds: 1}"), "policy has no rate_class"),
    "Roleless": (
        method("Roleless", policy=GOOD_POLICY.replace("PUBLIC", "ROLE", 1)),
        "is ACCESS_ROLE and names no roles",
    ),
    "Callerless": (
        method("Callerless", http="none", policy=GOOD_POLICY.replace("PUBLIC", "INTERNAL", 1)),
        "is ACCESS_INTERNAL and names no callers",
    ),
    "Misspelt": (
        method("Misspelt", http="none", policy=GOOD_POLICY.replace("PUBLIC", "INTERNAL", 1) + ' callers: "ordesr"'),
        "policy names the caller 'ordesr'",
    ),
    "Exposed": (
        method("Exposed", policy=GOOD_POLICY.replace("PUBLIC", "INTERNAL", 1) + ' callers: "sample"'),
        "is ACCESS_INTERNAL and has an HTTP route",
    ),
    "Hidden": (method("Hidden", http="none"), "has no (google.api.http) route"),
    "Changing": (
        method("Changing", idempotency="option idempotency_level = IDEMPOTENT;"),
        "GET needs idempotency_level",
    ),
    "Stuffed": (method("Stuffed", http='get: "/v1/stuffed" body: "*"'), "GET has no body"),
    "Bodiless": (method("Bodiless", http='post: "/v1/bodiless" body: "thing"'), "has no field 'thing' for the body"),
    "Unbound": (method("Unbound", http='get: "/v1/{count=unbound/*}"'), "has no string field 'count' for the path"),
    "First": (method("First", http='get: "/v1/{name=same/*}"'), "collides with /v1/same/{name} of"),
}
OTHERS = (
    method("Second", http='get: "/v1/same/{name}"'),
    method("Borrowing", request="SecondRequest"),
    method("Sound"),
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    methods = [rpc for rpc, _ in BREACHES.values()]
    return problems(contract_of(tmp_path_factory.mktemp("workspace"), *methods, *OTHERS, secret="string"))


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_named_with_its_method(found: list[str], name: str) -> None:
    where = f"bookstore/sample/v1/sample_service.proto: bookstore.sample.v1.SampleService/{name}: "
    assert [line for line in found if line.startswith(where) and BREACHES[name][1] in line]


def test_a_shared_request_is_refused(found: list[str]) -> None:
    assert [line for line in found if "SecondRequest is the request of" in line and "Borrowing" in line]


def test_an_input_only_field_that_would_be_printed_is_refused(found: list[str]) -> None:
    assert [line for line in found if "Thing.secret is INPUT_ONLY" in line]


def test_nothing_else_is_found(found: list[str]) -> None:
    assert [line for line in found if "Sound" in line] == []
    assert len(found) == len(BREACHES) + 2


def test_an_unusable_template_names_its_method(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"SampleService\.Wild: '/v1/\*\*'"):
        contract_of(tmp_path, method("Wild", http='get: "/v1/**"'))


def test_broken_source_names_file_and_line(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=rf"{SAMPLE}:\d+:\d+:"):
        contract_of(tmp_path, ("rpc Broken(", ""))


def test_the_repository_keeps_its_own_rules() -> None:
    assert problems(Contract(buf.descriptors(REPOSITORY))) == []


def test_a_removed_method_breaks_the_contract_and_an_added_one_does_not(tmp_path: Path) -> None:
    one, two = method("One"), method("Two")
    base = descriptor_set(buf.build(workspace(tmp_path, one)))
    buf.descriptors(workspace(tmp_path, one, two))
    buf.breaking(tmp_path, base)
    buf.descriptors(workspace(tmp_path, two))
    with pytest.raises(ContractError, match="One"):
        buf.breaking(tmp_path, base)


def test_an_import_that_is_not_used_any_more_breaks_nothing(tmp_path: Path) -> None:
    one = method("One")
    file = workspace(tmp_path, one) / SAMPLE
    with_import = file.read_text().replace(
        'import "google/type/date.proto";', 'import "google/type/date.proto";\nimport "google/type/color.proto";'
    )
    file.write_text(with_import)
    base = descriptor_set(buf.build(tmp_path))
    buf.descriptors(workspace(tmp_path, one))
    buf.breaking(tmp_path, base)


def test_stale_missing_and_surplus_files_are_told_apart_from_fresh_ones(tmp_path: Path) -> None:
    fresh, stale, missing = "generated/a/fresh.txt", "generated/a/stale.txt", "chassis/v1/missing.txt"
    files = {fresh: b"1", stale: b"2", missing: b"3", "docs/errors.md": b"4"}
    write(tmp_path, {fresh: b"1", stale: b"old", "chassis/v1/surplus.txt": b"5", "docs/errors.md": b"old"})
    (tmp_path / "chassis/server.py").write_bytes(b"written by hand")
    untouched = (tmp_path / fresh).stat().st_mtime_ns
    changed = (missing, "chassis/v1/surplus.txt", "docs/errors.md", stale)
    assert differences(tmp_path, files) == changed
    assert write(tmp_path, files) == changed
    assert differences(tmp_path, files) == ()
    assert (tmp_path / fresh).stat().st_mtime_ns == untouched
