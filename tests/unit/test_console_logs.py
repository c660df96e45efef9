"""Log files that stay small while something writes to them."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from pathlib import Path

from tools.console.logs import LIMIT, bound, keep_bounded
from tools.console.preflight import _DISK
from tools.console.process import log_size, tail
from tools.console.services import service_names

_FLOOD = 'import sys\nwhile True: sys.stderr.write("y" * 99 + "\\n")'


def test_a_log_keeps_its_last_lines_when_it_grows_too_large(tmp_path: Path) -> None:
    log = tmp_path / "orders.log"
    with log.open("ab", buffering=0) as writer:
        for number in range(30):
            writer.write(b"line %d\n" % number)
        began = log_size(log)
        bound(log, limit=100)
        assert log.read_bytes() == b""
        older = (tmp_path / "orders.log.1").read_text().splitlines()
        assert older[-1] == "line 29"
        assert set(older) <= {f"line {number}" for number in range(30)}, "no line is cut"
        assert (tmp_path / "orders.log.1").stat().st_size <= 100
        writer.write(b"next\n")
    assert log.read_bytes() == b"next\n", "the writer goes on at the new end"
    assert tail(log, since=began) == "  next"


def test_a_log_within_the_limit_or_not_there_is_left_alone(tmp_path: Path) -> None:
    log = tmp_path / "orders.log"
    bound(log)
    log.write_bytes(b"x" * 100)
    bound(log, limit=100)
    assert [file.name for file in tmp_path.iterdir()] == ["orders.log"]


def test_a_copy_that_cannot_be_written_does_not_keep_the_log_from_being_emptied(tmp_path: Path) -> None:
    log = tmp_path / "orders.log"
    log.write_bytes(b"x" * 100)
    (tmp_path / "orders.log.1").mkdir()
    bound(log, limit=10)
    assert log.read_bytes() == b""


def test_a_process_that_floods_its_log_cannot_fill_the_disk(tmp_path: Path) -> None:
    log = tmp_path / "flood.log"
    written = 0

    async def scenario() -> None:
        nonlocal written
        bounding = asyncio.create_task(keep_bounded(tmp_path, limit=100_000, every=0.01))
        with log.open("ab") as output:
            flood = subprocess.Popen([sys.executable, "-c", _FLOOD], stderr=output)
        try:
            async with asyncio.timeout(60):
                while written < 5_000_000:
                    await asyncio.sleep(0.01)
                    written = int(Path(f"/proc/{flood.pid}/io").read_text().split("wchar: ")[1].split()[0])
        finally:
            flood.send_signal(signal.SIGKILL)
            flood.wait()
            bounding.cancel()

    asyncio.run(scenario())
    assert log.with_name("flood.log.1").stat().st_size <= 100_000
    assert log.stat().st_size < written / 2


def test_all_logs_together_take_less_than_what_a_start_asks_to_be_free() -> None:
    beside_the_services = ("nats", "envoy", "edge-access", "migration", "seed")
    assert 2 * LIMIT * (len(service_names()) + len(beside_the_services)) < _DISK
