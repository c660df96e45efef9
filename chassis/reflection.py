"""gRPC server reflection: describes services and messages to clients such as grpcurl and `buf curl`.

Describes a given set of files, comments included, not what the process itself serves, so that one process can describe
the API behind an edge. Serves both versions of the protocol, which differ only in the name of the package.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import grpc
from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto, FileDescriptorSet
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse

_ALPHA: Final = "grpc.reflection.v1alpha"
_STABLE: Final = "grpc.reflection.v1"
_SERVICE: Final = "ServerReflection"
_MOST_STREAMS: Final = 4  # a stream holds a thread as long as its client keeps it open


class Reflection:
    """Describes `files` and lists `services`, and in addition the health protocol and both versions of reflection.

    Raises KeyError when a file imports one that is not among them.
    """

    def __init__(self, files: FileDescriptorSet, services: Iterable[str]) -> None:
        described = [*files.file, _file(health_pb2), _file(reflection_pb2), _stable(_file(reflection_pb2))]
        self._files: Mapping[str, FileDescriptorProto] = {file.name: file for file in described}
        self._symbols = {symbol: file.name for file in described for symbol in _symbols(file)}
        self._extensions = {key: file.name for file in described for key in _extensions(file)}
        self._closures = {name: self._closure(name) for name in self._files}
        health = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
        self._services = sorted({*services, health, *(f"{package}.{_SERVICE}" for package in (_ALPHA, _STABLE))})
        self._slots = threading.BoundedSemaphore(_MOST_STREAMS)

    def handlers(self) -> tuple[grpc.GenericRpcHandler, ...]:
        """Returns the handlers of both versions, for `Service.unguarded`."""
        # v1 has the messages of v1alpha in another package; on the wire they are the same.
        handler = grpc.stream_stream_rpc_method_handler(
            self._stream, ServerReflectionRequest.FromString, ServerReflectionResponse.SerializeToString
        )
        return tuple(
            grpc.method_handlers_generic_handler(f"{package}.{_SERVICE}", {"ServerReflectionInfo": handler})
            for package in (_STABLE, _ALPHA)
        )

    def respond(self, request: ServerReflectionRequest) -> ServerReflectionResponse:
        """Returns the response to one request; for an unknown name that is an error response of the protocol."""
        response = ServerReflectionResponse(valid_host=request.host, original_request=request)
        match request.WhichOneof("message_request"):
            case "list_services":
                response.list_services_response.service.extend(
                    reflection_pb2.ServiceResponse(name=name) for name in self._services
                )
            case "file_by_filename":
                self._describe(response, request.file_by_filename, request.file_by_filename)
            case "file_containing_symbol":
                symbol = request.file_containing_symbol.removeprefix(".")
                self._describe(response, self._symbols.get(symbol), symbol)
            case "file_containing_extension":
                asked = request.file_containing_extension
                key = (asked.containing_type, asked.extension_number)
                self._describe(response, self._extensions.get(key), f"extension {key[1]} of {key[0]}")
            case "all_extension_numbers_of_type":
                self._number(response, request.all_extension_numbers_of_type)
            case _:
                _fail(response, grpc.StatusCode.INVALID_ARGUMENT, "message_request: set one of its fields")
        return response

    def _stream(
        self, requests: Iterator[ServerReflectionRequest], context: grpc.ServicerContext
    ) -> Iterator[ServerReflectionResponse]:
        if not self._slots.acquire(blocking=False):
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many reflection streams are open; try again later")
        try:
            for request in requests:
                yield self.respond(request)
        finally:
            self._slots.release()

    def _describe(self, response: ServerReflectionResponse, file: str | None, asked: str) -> None:
        if file is None or file not in self._files:
            _fail(response, grpc.StatusCode.NOT_FOUND, f"there is no {asked}")
            return
        response.file_descriptor_response.file_descriptor_proto.extend(
            self._files[name].SerializeToString() for name in self._closures[file]
        )

    def _number(self, response: ServerReflectionResponse, message: str) -> None:
        if message not in self._symbols:
            _fail(response, grpc.StatusCode.NOT_FOUND, f"there is no {message}")
            return
        response.all_extension_numbers_response.base_type_name = message
        numbers = sorted(number for extended, number in self._extensions if extended == message)
        response.all_extension_numbers_response.extension_number.extend(numbers)

    def _closure(self, name: str) -> Sequence[str]:
        """Returns the file and all it imports, the file first: clients take the first for the one requested."""
        found = [name]
        for file in found:
            found += [imported for imported in self._files[file].dependency if imported not in found]
        return found


def _fail(response: ServerReflectionResponse, code: grpc.StatusCode, message: str) -> None:
    response.error_response.error_code = code.value[0]
    response.error_response.error_message = message


def _file(module: Any) -> FileDescriptorProto:
    return FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)


def _stable(alpha: FileDescriptorProto) -> FileDescriptorProto:
    """Returns the file of v1, for which there is no Python package: that of v1alpha with the package renamed."""
    stable = FileDescriptorProto.FromString(alpha.SerializeToString())
    stable.name = alpha.name.replace("v1alpha", "v1")
    stable.package = _STABLE
    for message, _ in _messages(stable.message_type, ""):
        for field in message.field:
            if field.type_name:  # a scalar has none, not even an empty one
                field.type_name = field.type_name.replace(_ALPHA, _STABLE)
    for method in stable.service[0].method:
        method.input_type = method.input_type.replace(_ALPHA, _STABLE)
        method.output_type = method.output_type.replace(_ALPHA, _STABLE)
    return stable


def _messages(messages: Iterable[DescriptorProto], scope: str) -> Iterator[tuple[DescriptorProto, str]]:
    """Yields messages, nested ones included, with their full names."""
    for message in messages:
        name = f"{scope}{message.name}"
        yield message, name
        yield from _messages(message.nested_type, f"{name}.")


def _symbols(file: FileDescriptorProto) -> Iterator[str]:
    """Yields the full name of every message, field, oneof, extension, enum, value, service and method.

    The scope of an enum value is that of its enum, not the enum.
    """
    scope = f"{file.package}." if file.package else ""
    enums = [(enum, scope) for enum in file.enum_type]
    yield from (f"{scope}{extension.name}" for extension in file.extension)
    for message, name in _messages(file.message_type, scope):
        yield name
        yield from (f"{name}.{field.name}" for field in (*message.field, *message.extension))
        yield from (f"{name}.{oneof.name}" for oneof in message.oneof_decl)
        enums += [(enum, f"{name}.") for enum in message.enum_type]
    for enum, around in enums:
        yield f"{around}{enum.name}"
        yield from (f"{around}{value.name}" for value in enum.value)
    for service in file.service:
        yield f"{scope}{service.name}"
        yield from (f"{scope}{service.name}.{method.name}" for method in service.method)


def _extensions(file: FileDescriptorProto) -> Iterator[tuple[str, int]]:
    """Yields what the file extends: full name of the message and number of the field."""
    nested = (extension for message, _ in _messages(file.message_type, "") for extension in message.extension)
    for extension in (*file.extension, *nested):
        yield extension.extendee.removeprefix("."), extension.number
