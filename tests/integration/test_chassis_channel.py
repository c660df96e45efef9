"""Channels to other services when the network or the machine is slow."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import HealthStub

from chassis.channel import open_channel
from chassis.service import Service
from chassis.testing import running

HANDSHAKE_SECONDS: Final = 0.5


@contextmanager
def slow_to_connect(address: str) -> Iterator[str]:
    """A relay to `address` that holds the server's side of each new connection back for a while."""
    host, _, port = address.rpartition(":")
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def relay(source: socket.socket, target: socket.socket, pause: float) -> None:
            threading.Event().wait(pause)
            try:
                while data := source.recv(65536):
                    target.sendall(data)
                target.shutdown(socket.SHUT_WR)
            except OSError:
                return  # one side has gone

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return  # the test is over
                server = socket.create_connection((host, int(port)))
                for source, target, pause in ((client, server, 0.0), (server, client, HANDSHAKE_SECONDS)):
                    threading.Thread(target=relay, args=(source, target, pause), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def test_a_slow_handshake_is_waited_for(tmp_path: Path) -> None:
    service = Service(name="catalog", servicers=())
    with (
        running("catalog", lambda _: service, folder=tmp_path, migrations=False) as served,
        slow_to_connect(served.address) as address,
        open_channel("catalog", caller="storefront", addresses=[address], credentials=None) as channel,
    ):
        check = HealthStub(channel).Check  # type: ignore[attr-defined]  # missing in the stubs
        answer = check(health_pb2.HealthCheckRequest(), timeout=30)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
