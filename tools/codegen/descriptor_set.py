"""The descriptor sets: the whole contract for Envoy's transcoder and `buf breaking`, the public part for clients.

Both are images in buf's sense: a file that is not ours is marked as an import; other readers
ignore the mark.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from tools.codegen.contract import OWN_ROOTS, Contract

# Envoy prints an error without its details when their types are not in the set, and no contract imports them.
_ALSO = ("google/rpc/error_details.proto", "google/rpc/status.proto")
# Field 8042 (buf.alpha.image.v1.ImageFileExtension) with is_import set. Without it buf takes files that are no longer
# imported for deleted ones, and generates code for all.
_IMPORT_MARK = b"\xd2\xf6\x03\x02\x08\x01"


def public_types(contract: Contract) -> list[str]:
    """Returns the names of the public API: RPCs that the edge lets in, reasons of errors and the details of errors."""
    methods = [method.descriptor.full_name for method in contract.methods if method.external]
    reasons = [
        enum.full_name
        for file in contract.files.values()
        if file.name.endswith("_errors.proto")
        for enum in file.enum_types_by_name.values()
    ]
    return [*methods, *sorted(reasons), "google.rpc"]


def descriptor_set(built: bytes, *, comments: bool = False) -> bytes:
    """Our files, all they import and the error details; imports first, the same bytes every time.

    With `comments` our own files keep their source info. `built` is the FileDescriptorSet of `buf build`. It is read by
    a class that knows no extension: those this process happens to have imported would be written in another order than
    unknown ones.
    """
    pool = DescriptorPool()
    pool.AddSerializedFile(descriptor_pb2.DESCRIPTOR.serialized_pb)
    plain = GetMessageClass(pool.FindMessageTypeByName("google.protobuf.FileDescriptorSet"))
    files: Any = plain.FromString(built)
    known = {file.name: file for file in files.file}
    ordered: dict[str, Any] = {}
    for name in [*sorted(name for name, file in known.items() if file.package.startswith(OWN_ROOTS)), *_ALSO]:
        _add(name, known, ordered)
    chosen: Any = plain()
    for file in ordered.values():
        own = file.package.startswith(OWN_ROOTS)
        added = chosen.file.add()
        added.CopyFrom(file)
        if not (own and comments):
            added.ClearField("source_code_info")
        if not own:
            added.MergeFromString(_IMPORT_MARK)
    written: bytes = chosen.SerializeToString(deterministic=True)
    return written


def _add(name: str, known: Mapping[str, Any], ordered: dict[str, Any]) -> None:
    if name in ordered:
        return
    for dependency in sorted(known[name].dependency):
        _add(dependency, known, ordered)
    ordered[name] = known[name]
