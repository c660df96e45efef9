"""Durable write throughput of group commit against one commit per caller, 16 callers, same statements.

Prints both rates, the ratio of their medians over three alternating rounds, and the machine. The process is pinned to
one core, as workers are: unpinned, waking sixteen threads across cores costs the grouped side about a third.
Run it with `python -m bench.group_commit`.
"""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import BigInteger, Column, Connection, Integer, LargeBinary, MetaData, Table, Text, insert, make_url

from chassis.database import Database
from chassis.database.sqlite import open_sqlite

CALLERS = 16
SECONDS = 2.0
ROUNDS = 3

_metadata = MetaData()
_row = Table("row", _metadata, Column("id", Integer, primary_key=True), Column("name", Text), Column("n", BigInteger))
_event = Table("event", _metadata, Column("id", Integer, primary_key=True), Column("payload", LargeBinary))
_insert_row, _insert_event = insert(_row), insert(_event)


def _write(tx: Connection) -> None:
    tx.execute(_insert_row, {"name": "a name of usual length", "n": 1})
    tx.execute(_insert_event, {"payload": b"x" * 300})


def _rate(write: Callable[[], None]) -> float:
    counts = [0] * CALLERS
    until = time.monotonic() + SECONDS

    def work(index: int) -> None:
        while time.monotonic() < until:
            write()
            counts[index] += 1

    threads = [threading.Thread(target=work, args=(index,)) for index in range(CALLERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / SECONDS


def _grouped(folder: Path) -> float:
    database = Database(f"sqlite:///{folder / 'grouped.sqlite3'}", name="bench")
    _metadata.create_all(database.engine)
    rate = _rate(lambda: database.transact(_write))
    database.close()
    return rate


def _each(folder: Path) -> float:
    """The strongest plain rival: the same engine, one held connection behind a lock, so no writer polls the file."""
    engine = open_sqlite(make_url(f"sqlite:///{folder / 'each.sqlite3'}"))
    _metadata.create_all(engine)
    lock = threading.Lock()
    with engine.connect() as connection:

        def write() -> None:
            with lock, connection.begin():
                _write(connection)

        rate = _rate(write)
    engine.dispose()
    return rate


def main() -> None:
    """Measures and prints."""
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    grouped, each = [], []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as folder:
            each.append(_each(Path(folder)))
            grouped.append(_grouped(Path(folder)))
    ratio = statistics.median(grouped) / statistics.median(each)
    print(f"machine: {platform.machine()}, {os.cpu_count()} cores, pinned to core {core}")
    print(f"{CALLERS} callers, two inserts, synchronous=FULL, median of {ROUNDS} rounds of {SECONDS:.0f} s")
    print(f"commit each:  {statistics.median(each):8.0f} transactions/s")
    print(f"group commit: {statistics.median(grouped):8.0f} transactions/s")
    print(f"ratio: {ratio:.2f}")


if __name__ == "__main__":
    main()
