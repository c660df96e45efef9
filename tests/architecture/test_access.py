"""Who may call what, for every RPC the contracts describe: a new method cannot escape."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass

import services
from chassis.channel import known_services
from chassis.contract import Method, methods_of
from chassis.server import handlers_of
from chassis.testing import Served, refused, running
from chassis.v1 import policy_pb2

ROOT = Path(services.__file__).parents[1]
SIGNED_IN = {policy_pb2.ACCESS_USER, policy_pb2.ACCESS_OWNER, policy_pb2.ACCESS_ROLE}
Code = grpc.StatusCode


@pytest.fixture(params=known_services())
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    process: str = request.param
    build = importlib.import_module(f"services.{process}.app").build
    has_database = (ROOT / "services" / process / "migrations").is_dir()
    with running(process, build, folder=tmp_path, migrations=has_database) as served:
        yield served


def methods(served: Served) -> list[Method]:
    found = [method for name in handlers_of(served.service) for method in methods_of(name).values()]
    assert found
    return found


def call(served: Served, method: Method, **identity: Any) -> None:
    """Sends an empty request: access is decided before it is looked at."""

    def stub(channel: grpc.Channel) -> Callable[[bytes], Any]:
        respond = GetMessageClass(method.response).FromString
        if method.response_streaming:
            stream: Any = channel.unary_stream(method.path, response_deserializer=respond)
            return lambda request: next(stream(request))
        single: Any = channel.unary_unary(method.path, response_deserializer=respond)
        answer: Callable[[bytes], Any] = single
        return answer

    served.stub(stub, **identity)(b"")


def code_of(served: Served, method: Method) -> grpc.StatusCode:
    """What an administrator's empty request is answered."""
    try:
        call(served, method, user="users/root", roles=("admin",))
    except grpc.RpcError as error:
        answer: Any = error
        code: grpc.StatusCode = answer.code()
        return code
    return Code.OK


def test_whoever_is_not_signed_in_is_asked_to(served: Served) -> None:
    for method in methods(served):
        if method.access in SIGNED_IN:
            with refused(Code.UNAUTHENTICATED, "TOKEN_REQUIRED"):
                call(served, method)


def test_customers_do_not_do_the_work_of_staff(served: Served) -> None:
    for method in methods(served):
        if method.access == policy_pb2.ACCESS_ROLE:
            with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
                call(served, method, user="users/eve", roles=("customer",))


def test_only_the_named_services_take_the_steps_of_others(served: Served) -> None:
    for method in methods(served):
        if method.access == policy_pb2.ACCESS_INTERNAL:
            for identity in ({}, {"user": "users/root", "roles": ("admin",)}, {"service": "storefront"}):
                with refused(Code.PERMISSION_DENIED, "ROLE_REQUIRED"):
                    call(served, method, **identity)


def test_who_may_call_is_not_refused_for_who_they_are(served: Served) -> None:
    for method in methods(served):
        if method.access in (policy_pb2.ACCESS_ROLE, policy_pb2.ACCESS_USER) and not method.response_streaming:
            assert code_of(served, method) not in (Code.UNAUTHENTICATED, Code.PERMISSION_DENIED), method.path
