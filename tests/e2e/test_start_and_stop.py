"""Two shops side by side, Ctrl-C, and what a second start finds."""

from __future__ import annotations

import os
from pathlib import Path

from tests.e2e.shop import fill_cart, newcomer, order_for, settled
from tests.e2e.stack import Bookstore
from tools.console.state import Phase


def running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "(zombie)" not in Path(f"/proc/{pid}/status").read_text()


def test_ctrl_c_leaves_no_process_and_a_second_start_goes_on(bookstore: Bookstore, tmp_path: Path) -> None:
    other = Bookstore(tmp_path / "other")  # beside the one all tests share
    other.start()
    try:
        assert all(process.phase is Phase.READY for process in other.state().processes)
        reader = newcomer(other.http)
        books = [book["name"] for book in reader.get("/v1/books?pageSize=20&filter=format%3DPAPERBACK")["books"]]
        stocked = [b for b in books if reader.send("GET", f"/v1/stocks/{b[6:]}").body.get("available", 0) > 0]
        order = settled(reader, reader.post("/v1/orders", order_for(fill_cart(reader, stocked[:1])))["name"])
        before = reader.get(f"/v1/{order['name']}")
        pids = [process.pid for process in other.state().processes]
        other.interrupt()
        assert not any(running(pid) for pid in pids)

        other.start()
        assert reader.get(f"/v1/{order['name']}")["state"] == before["state"] == "STATE_CONFIRMED"
        assert len(reader.get("/v1/orders")["orders"]) == 1
        assert bookstore.process("catalog").pid != other.process("catalog").pid
        other.interrupt()
    finally:
        other.kill()


def test_a_second_start_on_the_same_folder_says_what_is_wrong(bookstore: Bookstore) -> None:
    refused = bookstore.command("up")
    assert refused.returncode != 0
    assert str(bookstore.http_port) in refused.stderr or str(bookstore.data_dir) in refused.stderr


def test_a_bad_setting_is_named_with_the_remedy(bookstore: Bookstore, tmp_path: Path) -> None:
    other = Bookstore(tmp_path, BOOKSTORE_HTTP_PORT="eighty")
    refused = other.command("up")
    assert refused.returncode != 0
    assert "BOOKSTORE_HTTP_PORT" in refused.stderr
    assert "free port" in refused.stderr


def test_the_first_start_says_where_passwords_and_mail_lie_and_how_to_stop(bookstore: Bookstore) -> None:
    last = next(number for number, line in enumerate(bookstore.output) if line.startswith("bookstore is ready"))
    password, customers, mail, stop, ready = bookstore.output[last - 4 : last + 1]
    assert password == f"password of admin@bookstore.example: {bookstore.data_dir / 'admin-password'}"
    assert customers.endswith(str(bookstore.data_dir / "demo-customers"))
    assert mail == f"mail: {bookstore.data_dir / 'mail'}"
    assert stop == f"stop: Ctrl-C, or kill -INT {bookstore.pid}"
    assert "Envoy's admin page" in ready
    assert sum(line.startswith("bookstore is ready") for line in bookstore.output) == 1


def test_a_service_that_would_refuse_its_setting_is_not_even_started(tmp_path: Path) -> None:
    refused = Bookstore(tmp_path / "other", BOOKSTORE_THREADS="0").command("up")
    assert refused.returncode == 1
    assert refused.stderr.startswith("BOOKSTORE_THREADS='0': ")
    assert not (tmp_path / "other" / "run").exists()


def test_secrets_of_the_first_start_are_for_the_owner_only(bookstore: Bookstore) -> None:
    password = bookstore.data_dir / "admin-password"
    assert password.stat().st_mode & 0o777 == 0o600
    secret = password.read_text()
    assert secret == secret.strip()
    for log in (bookstore.data_dir / "logs").iterdir():
        assert secret not in log.read_text(errors="replace"), log
