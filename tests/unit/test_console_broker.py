"""The embedded broker, started for real under the supervisor's rules."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import nats.errors
import pytest

from tests.limits import HANG_SECONDS
from tools.console import binaries
from tools.console.broker import Broker
from tools.console.ports import free_ports
from tools.console.probes import BannerProbe
from tools.console.process import ManagedProcess, Program


@asynccontextmanager
async def _running(broker: Broker, folder: Path) -> AsyncIterator[None]:
    broker.configure(folder / "nats.conf", streams=folder / "streams")
    program = Program(
        name="nats",
        command=(str(binaries.nats_server()), "--config", str(folder / "nats.conf")),
        environment=dict(os.environ),
        log=folder / "nats.log",
        is_ready=BannerProbe(address=broker.address, banner=b"INFO "),
        stop_within=HANG_SECONDS,
    )
    process = ManagedProcess(program, changed=lambda: None, ended=lambda _, __: None)
    process.start()
    try:
        await process.wait_ready(within=HANG_SECONDS)
        yield
    finally:
        await process.stop()


def test_a_stored_message_survives_a_restart_of_the_broker(tmp_path: Path) -> None:
    async def scenario() -> bytes:
        first = Broker.on(free_ports(1)[0])
        async with _running(first, tmp_path):
            client = await nats.connect(first.url)
            await client.jetstream().add_stream(name="books", subjects=["books.>"])
            await client.jetstream().publish("books.sold", b"emma")
            await client.close()
        second = Broker.on(free_ports(1)[0])
        async with _running(second, tmp_path):
            client = await nats.connect(second.url)
            message = await client.jetstream().get_msg("books", 1)
            await client.close()
        return message.data or b""

    assert asyncio.run(scenario()) == b"emma"


def test_nobody_enters_without_the_password(tmp_path: Path) -> None:
    async def scenario() -> None:
        broker = Broker.on(free_ports(1)[0])
        async with _running(broker, tmp_path):
            await nats.connect(f"nats://{broker.address}", allow_reconnect=False, max_reconnect_attempts=0)

    with pytest.raises(nats.errors.Error, match="Authorization"):
        asyncio.run(scenario())
