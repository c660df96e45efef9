"""Reflection of the public contract, over both versions of the protocol."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase
from grpc_reflection.v1alpha.reflection_pb2 import (
    ExtensionRequest,
    ServerReflectionRequest,
    ServerReflectionResponse,
)

from chassis.contract import processes_by_service, public_contract
from chassis.reflection import Reflection

SERVICES = processes_by_service(public_contract())
PROTOCOLS = ("grpc.reflection.v1", "grpc.reflection.v1alpha")


@pytest.fixture(scope="module")
def channel() -> Iterator[grpc.Channel]:
    server = grpc.server(ThreadPoolExecutor(8))
    server.add_generic_rpc_handlers(Reflection(public_contract(), SERVICES).handlers())
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    server.stop(None).wait()


def opened(
    channel: grpc.Channel, requests: Iterator[ServerReflectionRequest], protocol: str = PROTOCOLS[0]
) -> Iterator[ServerReflectionResponse]:
    call = channel.stream_stream(
        f"/{protocol}.ServerReflection/ServerReflectionInfo",
        request_serializer=ServerReflectionRequest.SerializeToString,
        response_deserializer=ServerReflectionResponse.FromString,
    )
    responses: Iterator[ServerReflectionResponse] = call(requests, timeout=30)
    return responses


def asked(
    channel: grpc.Channel, request: ServerReflectionRequest, protocol: str = PROTOCOLS[0]
) -> ServerReflectionResponse:
    return next(opened(channel, iter([request]), protocol))


def files(response: ServerReflectionResponse) -> list[FileDescriptorProto]:
    assert response.WhichOneof("message_response") == "file_descriptor_response", response
    return [FileDescriptorProto.FromString(file) for file in response.file_descriptor_response.file_descriptor_proto]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_it_lists_the_services_of_the_contract_health_and_itself(channel: grpc.Channel, protocol: str) -> None:
    response = asked(channel, ServerReflectionRequest(list_services="*"), protocol)
    listed = [service.name for service in response.list_services_response.service]
    assert listed == sorted([*SERVICES, "grpc.health.v1.Health", *(f"{name}.ServerReflection" for name in PROTOCOLS)])
    assert len(SERVICES) > 9


def test_every_listed_service_can_be_described_by_a_client_without_files(channel: grpc.Channel) -> None:
    database = ProtoReflectionDescriptorDatabase(channel)
    pool = DescriptorPool(database)
    for name in database.get_services():
        for method in pool.FindServiceByName(name).methods:
            assert pool.FindMessageTypeByName(method.input_type.full_name).full_name


@pytest.mark.parametrize(
    "symbol",
    [
        "bookstore.orders.v1.OrderService",
        "bookstore.orders.v1.OrderService.PlaceOrder",
        ".bookstore.orders.v1.Order",
        "bookstore.orders.v1.Order.State",
        "bookstore.orders.v1.Order.STATE_CONFIRMED",
        "bookstore.orders.v1.Order.name",
        "google.rpc.ErrorInfo",
        "buf.validate.field",
        "grpc.health.v1.Health.Watch",
        "grpc.reflection.v1.ServerReflectionRequest",
    ],
)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_symbol_leads_to_its_file_and_all_that_it_imports(channel: grpc.Channel, symbol: str, protocol: str) -> None:
    found = files(asked(channel, ServerReflectionRequest(file_containing_symbol=symbol), protocol))
    assert symbol.removeprefix(".").startswith(f"{found[0].package}.")
    names = [file.name for file in found]
    assert len(set(names)) == len(names)
    assert {imported for file in found for imported in file.dependency} <= set(names)
    again = files(asked(channel, ServerReflectionRequest(file_by_filename=found[0].name), protocol))
    assert again == found


def test_comments_come_along(channel: grpc.Channel) -> None:
    found = files(asked(channel, ServerReflectionRequest(file_containing_symbol="bookstore.orders.v1.OrderService")))
    comments = "".join(location.leading_comments for location in found[0].source_code_info.location)
    assert "Idempotent by request_id" in comments


def test_internal_calls_and_their_messages_are_not_described(channel: grpc.Channel) -> None:
    for symbol in ("InventoryService.ReserveStock", "ReserveStockRequest", "Reservation"):
        request = ServerReflectionRequest(file_containing_symbol=f"bookstore.inventory.v1.{symbol}")
        assert asked(channel, request).error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


def test_extensions_are_found_by_number(channel: grpc.Channel) -> None:
    options = "google.protobuf.MethodOptions"
    numbers = asked(channel, ServerReflectionRequest(all_extension_numbers_of_type=options))
    assert numbers.all_extension_numbers_response.base_type_name == options
    assert {50001, 72295728} <= set(numbers.all_extension_numbers_response.extension_number)
    extension = ExtensionRequest(containing_type=options, extension_number=50001)
    found = files(asked(channel, ServerReflectionRequest(file_containing_extension=extension)))
    assert found[0].name == "chassis/v1/policy.proto"


@pytest.mark.parametrize(
    "request_",
    [
        ServerReflectionRequest(file_containing_symbol="bookstore.Nothing"),
        ServerReflectionRequest(file_by_filename="nothing.proto"),
        ServerReflectionRequest(all_extension_numbers_of_type="bookstore.Nothing"),
        ServerReflectionRequest(
            file_containing_extension=ExtensionRequest(containing_type="bookstore.Nothing", extension_number=1)
        ),
    ],
    ids=lambda request: str(request.WhichOneof("message_request")),
)
def test_what_is_not_there_is_an_error_response_and_the_stream_goes_on(
    channel: grpc.Channel, request_: ServerReflectionRequest
) -> None:
    first, second = opened(channel, iter([request_, ServerReflectionRequest(list_services="*")]))
    assert first.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert first.error_response.error_message
    assert first.original_request == request_
    assert second.list_services_response.service


def test_a_request_for_nothing_is_an_error_response(channel: grpc.Channel) -> None:
    response = asked(channel, ServerReflectionRequest())
    assert response.error_response.error_code == grpc.StatusCode.INVALID_ARGUMENT.value[0]


def test_streams_that_stay_open_cannot_take_all_threads(channel: grpc.Channel) -> None:
    def held(until: list[bool]) -> Iterator[ServerReflectionRequest]:
        yield ServerReflectionRequest(list_services="*")
        while not until:
            yield ServerReflectionRequest(list_services="*")

    over: list[bool] = []
    streams = [opened(channel, held(over)) for _ in range(4)]
    for stream in streams:
        next(stream)
    with pytest.raises(grpc.RpcError) as raised:
        asked(channel, ServerReflectionRequest(list_services="*"))
    assert raised.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    over.append(True)
    for stream in streams:
        assert list(stream)[-1].list_services_response.service
