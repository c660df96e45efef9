"""What the error reasons of the contracts become, and which lists of errors are rejected."""

from dataclasses import replace
from pathlib import Path

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from chassis.contract import method_at
from tools.codegen import buf, outputs
from tools.codegen.contract import Contract, ContractError, Method
from tools.codegen.error_classes import error_classes
from tools.codegen.error_reasons import implied, listed, names_in, reasons

REPOSITORY = Path(__file__).parents[2]
CONTRACT, _ = outputs.load(REPOSITORY)
REASONS = reasons(CONTRACT)
ERRORS = """
syntax = "proto3";
package bookstore.sample.v1;
import "chassis/v1/error.proto";

// Why.
enum SampleErrorReason {
  // Never sent.
  SAMPLE_ERROR_REASON_UNSPECIFIED = 0;
  // The shelf is full.
  SAMPLE_ERROR_REASON_SHELF_FULL = 1 [(chassis.v1.error) = {
    code: FAILED_PRECONDITION message: "%s" metadata: ["room"] field: "shelf"
  }];
  // Never an error.
  SAMPLE_ERROR_REASON_BURNT = 2;
}
"""


def compiled(folder: Path, message: str) -> Contract:
    """A contract of one errors file, whose reason has this message."""
    for name, text in {
        "bookstore/sample/v1/sample_errors.proto": ERRORS % message,
        "chassis/v1/error.proto": (REPOSITORY / "protos/chassis/v1/error.proto").read_text(),
        "chassis/v1/policy.proto": (REPOSITORY / "protos/chassis/v1/policy.proto").read_text(),
    }.items():
        file = folder / "protos" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    (folder / "buf.yaml").write_text((REPOSITORY / "buf.yaml").read_text())
    return Contract(FileDescriptorSet.FromString(buf.build(folder)))


def method(name: str) -> Method:
    return next(method for method in CONTRACT.methods if method.descriptor.name == name)


def test_a_reason_becomes_a_class_with_an_argument_for_each_name_and_one_without_a_code_becomes_none(
    tmp_path: Path,
) -> None:
    known = reasons(compiled(tmp_path, "{shelf} is full: {detail}"))
    ((path, text),) = error_classes(known).items()
    space: dict[str, type] = {}
    exec(text, space)
    error = space["ShelfFull"](shelf="shelves/1", room=0, detail="take another")
    assert path == "bookstore/sample/v1/sample_errors.py"
    assert (error.kind.name, error.reason, error.domain) == ("FAILED_PRECONDITION", "SHELF_FULL", "sample.bookstore")
    assert (error.message, error.field) == ("shelves/1 is full: take another", "shelf")
    assert error.metadata == {"shelf": "shelves/1", "room": "0"}
    assert "Burnt" not in space


def test_a_message_with_anything_but_names_in_braces_is_rejected(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"sample_errors.proto: SAMPLE_ERROR_REASON_SHELF_FULL: .* must be a name"):
        reasons(compiled(tmp_path, "{1 + 1} shelves"))


def test_a_name_that_occurs_twice_is_one_argument() -> None:
    assert names_in("{a} and {b} and {a}") == ("a", "b")


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("STOCK_NOT_FOUND", "which is no error of orders.bookstore or platform.bookstore"),
        ("OUT_OF_STOCK", "which is no error of"),  # only a reject_reason
        ("ETAG_MISMATCH", "which its contract implies"),
    ],
)
def test_a_policy_that_lists_what_cannot_be_returned_or_needs_no_listing_is_rejected(name: str, problem: str) -> None:
    cancel = method("CancelOrder")
    policy = replace(cancel.enforced, errors=(name,))
    with pytest.raises(ContractError, match=rf"OrderService/CancelOrder: policy lists {name}, {problem}"):
        listed(replace(cancel, policy=policy), REASONS)


@pytest.mark.parametrize("method", CONTRACT.methods, ids=lambda method: method.name)
def test_a_server_holds_an_rpc_to_the_errors_that_the_documents_list(method: Method) -> None:
    everywhere = (reason for reason in REASONS if reason.implied.every_rpc)
    documented = {(reason.domain, reason.name) for reason in (*listed(method, REASONS), *implied(method, REASONS))}
    documented |= {(reason.domain, reason.name) for reason in everywhere}
    assert method_at(f"/{method.name}").errors == documented
