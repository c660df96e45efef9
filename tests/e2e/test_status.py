"""`bookstore status` and `/v1/status` say the same of a shop that lacks something."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Sink

from tests.e2e.shop import Client
from tests.e2e.stack import Bookstore
from tests.integration.servers import wait_until
from tools.console.ports import free_ports


@contextmanager
def paused(shop: Bookstore, name: str) -> Iterator[None]:
    """Within it a process hangs; the supervisor does not start it again, since it has not ended."""
    pid = shop.process(name).pid
    assert pid > 1
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def agreed(shop: Bookstore, state: str) -> tuple[int, str]:
    """Waits until `/v1/status` is in `state`; returns its HTTP status and what `bookstore status` prints last."""
    client = Client(shop.http)
    wait_until(lambda: client.send("GET", "/v1/status").body.get("state") == f"STATE_{state}", 120)
    command = shop.command("status")
    assert command.returncode == {"SERVING": 0, "NOT_SERVING": 1, "DEGRADED": 3}[state], command.stdout
    return client.send("GET", "/v1/status").status, command.stdout.splitlines()[-1]


def test_a_dead_optional_service_degrades_the_shop_and_a_required_one_stops_it(bookstore: Bookstore) -> None:
    with paused(bookstore, "notifications"):
        assert agreed(bookstore, "DEGRADED") == (200, "DEGRADED: the shop sells, but not everything works")
    with paused(bookstore, "payments"):
        assert agreed(bookstore, "NOT_SERVING") == (503, "NOT_SERVING: the shop cannot sell")
    assert agreed(bookstore, "SERVING") == (200, "SERVING: the shop sells")


def test_a_broker_that_hangs_is_noticed_and_the_shop_goes_on(bookstore: Bookstore) -> None:
    with paused(bookstore, "nats"):
        assert agreed(bookstore, "DEGRADED")[0] == 200
        assert "broker cannot be used by " in bookstore.command("status").stdout
        assert Client(bookstore.http).send("GET", "/v1/books?pageSize=1").status == 200
    agreed(bookstore, "SERVING")


@pytest.fixture
def mail_server() -> Iterator[Controller]:
    controller = Controller(Sink(), hostname="127.0.0.1", port=free_ports(1)[0])
    controller.start()
    yield controller
    if controller.server is not None:
        controller.stop()


def test_a_mail_server_that_is_lost_is_seen_while_running_and_at_the_next_start(
    tmp_path: Path, mail_server: Controller
) -> None:
    url = f"smtp://127.0.0.1:{mail_server.port}"
    shop = Bookstore(tmp_path / "shop", BOOKSTORE_SMTP_URL=url)
    shop.start()
    try:
        assert f"mail: sent by {url}" in shop.output
        assert not any(line.startswith("warning") for line in shop.output)
        agreed(shop, "SERVING")
        mail_server.stop()
        assert agreed(shop, "DEGRADED")[0] == 200
        (lost,) = [line for line in shop.command("status").stdout.splitlines() if line.startswith("mail server")]
        assert "notifications" in lost
        assert "BOOKSTORE_SMTP_URL" in lost
        shop.interrupt()
        shop.output.clear()
        shop.start()
        warnings = [line for line in shop.output if line.startswith("warning: BOOKSTORE_SMTP_URL")]
        assert len(warnings) == 2, "before the start and at its end"
        shop.interrupt()
    finally:
        shop.kill()
