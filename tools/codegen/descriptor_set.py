"""The descriptor set that Envoy's transcoder, gRPC reflection and `buf breaking` read."""

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass

from tools.codegen.contract import OWN_ROOTS

# Envoy prints an error without its details when their types are not in the set, and no contract imports them.
_ALSO = ("google/rpc/error_details.proto", "google/rpc/status.proto")


def descriptor_set(built: bytes) -> bytes:
    """Our files, all they import and the error details; imports first, no source info, the same bytes every time.

    `built` is the FileDescriptorSet of `buf build`. It is read by a class that knows no extension: those this process
    happens to have imported would be written in another order than unknown ones.
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
        chosen.file.add().CopyFrom(file)
        chosen.file[-1].ClearField("source_code_info")
    written: bytes = chosen.SerializeToString(deterministic=True)
    return written


def _add(name: str, known: Mapping[str, Any], ordered: dict[str, Any]) -> None:
    if name in ordered:
        return
    for dependency in sorted(known[name].dependency):
        _add(dependency, known, ordered)
    ordered[name] = known[name]
