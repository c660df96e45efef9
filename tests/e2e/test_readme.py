"""The commands of the README work as they stand there, and print what it shows."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from tests.e2e.stack import ROOT, Bookstore
from tests.limits import HANG_SECONDS

README = (ROOT / "README.md").read_text()
PASTED = dict(re.findall(r"<!-- executed by tests/e2e/test_readme.py: (\w+) -->\n```bash\n(.*?)```", README, re.DOTALL))
SHOWN = re.findall(r"<!-- compared by tests/e2e/test_readme.py -->\n```text\n(.*?)```", README, re.DOTALL)
START, PURCHASE = (block.splitlines() for block in SHOWN)


def pasted(bookstore: Bookstore, block: str) -> str:
    """What a block prints when it is pasted into a terminal with the shop's ports in the environment."""
    search = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    shell = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", PASTED[block]],
        env={**bookstore.environment, "PATH": search},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert shell.returncode == 0, shell.stdout + shell.stderr
    return shell.stdout


def test_all_blocks_are_there_to_paste() -> None:
    assert set(PASTED) == {"curl", "grpcurl", "purchase", "staff"}


def test_the_purchase_with_curl_prints_what_is_shown(bookstore: Bookstore) -> None:
    printed = pasted(bookstore, "curl").strip().splitlines()
    total, order = PURCHASE
    assert printed[-2] == total
    assert set(json.loads(printed[-1])) >= set(re.findall(r'"(\w+)":', order))
    assert '"state":"STATE_CONFIRMED"' in printed[-1]


def test_staff_create_a_book_and_receive_copies(bookstore: Bookstore) -> None:
    book, stock = map(json.loads, pasted(bookstore, "staff").replace("\n\n", "\n").strip().splitlines())
    assert book["title"] == "My Book"
    assert stock["onHand"] == 5


@pytest.mark.parametrize("block", ["curl", "staff"])
def test_without_a_shop_a_block_stops_with_one_line(bookstore: Bookstore, block: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    environment = {**bookstore.environment, "BOOKSTORE_HTTP_PORT": str(closed)}
    shell = subprocess.run(
        ["bash", "-c", PASTED[block]],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert shell.returncode != 0
    assert "Traceback" not in shell.stderr
    assert "Failed to connect" in shell.stderr


def test_the_purchase_over_grpc_is_confirmed(bookstore: Bookstore) -> None:
    assert "STATE_CONFIRMED" in pasted(bookstore, "purchase")


def test_the_commands_for_grpcurl_work_with_grpcurl(bookstore: Bookstore) -> None:
    if shutil.which("grpcurl") is None:
        pytest.skip("grpcurl is not on the PATH; the next test asks the same through the protocol it speaks")
    printed = pasted(bookstore, "grpcurl")
    assert "bookstore.orders.v1.OrderService\n" in printed
    assert "rpc PlaceOrder" in printed
    assert '"status": "SERVING"' in printed


def _grpcurl_commands() -> Iterator[list[str]]:
    """The arguments of each command of the block, without the address and the flag for plain text."""
    text = re.sub(r"\\\n", " ", PASTED["grpcurl"])
    for line in text.splitlines():
        if line.startswith("grpcurl "):
            _, plaintext, *words = shlex.split(line)
            assert plaintext == "-plaintext"
            yield [word for word in words if not word.startswith("127.0.0.1:${BOOKSTORE_GRPC_PORT:-8081}")]


def test_the_commands_for_grpcurl_work_through_its_protocol(bookstore: Bookstore) -> None:
    listed: list[str] = []
    called: dict[str, object] = {}
    with grpc.insecure_channel(bookstore.grpc) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)  # v1alpha, which every grpcurl speaks
        pool = DescriptorPool(database)
        for command in _grpcurl_commands():
            match command:
                case ["list"]:
                    listed = list(database.get_services())
                case ["describe", symbol]:
                    service, _, name = symbol.rpartition(".")
                    assert name in pool.FindServiceByName(service).methods_by_name
                    assert database.FindFileContainingSymbol(symbol).package == service.rpartition(".")[0]
                case ["-d", body, method] | [method, *body]:
                    called[method] = _called(channel, pool, method, body if isinstance(body, str) else "{}")
    ours = [name for name in listed if name.startswith("bookstore.")]
    assert len(ours) >= 10
    assert {"grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"} <= set(listed)
    assert called["grpc.health.v1.Health/Check"] == {"status": "SERVING"}
    books = called["bookstore.catalog.v1.CatalogService/ListBooks"]
    assert isinstance(books, dict)
    assert len(books["books"]) == 2


def _called(channel: grpc.Channel, pool: DescriptorPool, method: str, body: str) -> object:
    service, _, name = method.partition("/")
    descriptor = pool.FindServiceByName(service).methods_by_name[name]
    request = json_format.Parse(body, GetMessageClass(descriptor.input_type)(), descriptor_pool=pool)
    call: Any = channel.unary_unary(f"/{method}", None, GetMessageClass(descriptor.output_type).FromString)
    return json_format.MessageToDict(call(request.SerializeToString(), timeout=HANG_SECONDS), descriptor_pool=pool)


def test_the_start_prints_what_is_shown(bookstore: Bookstore) -> None:
    def without_numbers(lines: list[str]) -> set[str]:
        return {re.sub(r"\s+", " ", re.sub(r"\d+(\.\d+)?", "#", line)) for line in lines}

    assert without_numbers(START) - {"..."} <= without_numbers(bookstore.output)


def test_every_make_target_it_names_exists() -> None:
    named = set(re.findall(r"\bmake ([a-z][a-z-]*)", README))
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"run", "test", "protos"} <= named <= targets


def test_every_command_it_names_exists(bookstore: Bookstore) -> None:
    shown = bookstore.command("--help").stdout
    for command in ("up", "serve", "migrate", "seed", "status", "doctor", "token"):
        assert f"`{command}" in README
        assert command in shown


def test_it_stays_short_and_its_links_lead_somewhere() -> None:
    assert len(README.splitlines()) <= 275
    for page in (ROOT / "README.md", ROOT / "docs" / "clients.md"):
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            assert link.startswith("http") or (page.parent / link).exists(), link
