"""The two mailers against a real SMTP server in this process and a real folder."""

from __future__ import annotations

import mailbox
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.handlers import Message as MessageHandler
from aiosmtpd.smtp import AuthResult
from pydantic import SecretStr

from services.notifications.app import mailer_for
from services.notifications.maildir import MaildirMailer
from services.notifications.mailer import AddressRefused, Mail, MailerUnavailable
from services.notifications.settings import NotificationsSettings
from services.notifications.smtp import SmtpMailer

MAIL = Mail(
    key="01abc",
    sender="shop@bookstore.example",
    recipient="nora@example.com",
    subject="Your order 1 is confirmed",
    body="Hello Nöra,\n\nOrder: orders/1\n",
    time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
)


class Inbox(MessageHandler):
    """Keeps what an SMTP server was given; refuses one recipient for good and puts another one off."""

    def __init__(self) -> None:
        super().__init__()
        self.received: list[Any] = []
        self.logins: list[bytes] = []

    def handle_message(self, message: Any) -> None:
        self.received.append(message)

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if address.startswith("nobody@"):
            return f"550 {address} is no user"
        if address.startswith("later@"):
            return "450 come back later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, login: Any) -> AuthResult:
        self.logins.append(login.password)
        return AuthResult(success=login.password == b"pass@word", handled=False)


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def address(inbox: Inbox) -> Iterator[str]:
    """Host and port of a server that takes mail and, if they like, passwords."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = Controller(
        inbox, hostname="127.0.0.1", port=port, authenticator=inbox.authenticate, auth_require_tls=False
    )
    controller.start()
    yield f"127.0.0.1:{port}"
    controller.stop()


def test_smtp_takes_a_mail_with_a_stable_message_id(address: str, inbox: Inbox) -> None:
    mailer = SmtpMailer(f"smtp://{address}")
    mailer.send(MAIL)
    mailer.send(MAIL)
    assert {mail["Message-ID"] for mail in inbox.received} == {"<01abc@bookstore.example>"}
    mail = inbox.received[0]
    assert (mail["To"], mail["From"], mail["Subject"]) == (MAIL.recipient, MAIL.sender, MAIL.subject)
    assert "Hello Nöra" in mail.get_payload(decode=True).decode()


def test_smtp_logs_in_with_the_password_of_the_url(address: str, inbox: Inbox) -> None:
    SmtpMailer(f"smtp://shop:pass%40word@{address}").send(MAIL)
    assert inbox.logins[-1] == b"pass@word"
    with pytest.raises(MailerUnavailable) as refusal:
        SmtpMailer(f"smtp://shop:wrong@{address}").send(MAIL)
    assert "wrong" not in str(refusal.value)
    assert len(inbox.received) == 1


def test_a_refused_address_is_final_and_one_that_is_put_off_is_not(address: str) -> None:
    mailer = SmtpMailer(f"smtp://{address}")
    with pytest.raises(AddressRefused) as final:
        mailer.send(replace(MAIL, recipient="nobody@example.com"))
    with pytest.raises(MailerUnavailable) as passing:
        mailer.send(replace(MAIL, recipient="later@example.com"))
    for refusal in (final, passing):
        assert "@example.com" not in str(refusal.value)
        assert refusal.value.__suppress_context__, "a log would print the address with the cause"


def test_a_missing_server_is_not_final() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    for scheme in ("smtp", "smtps"):
        with pytest.raises(MailerUnavailable):
            SmtpMailer(f"{scheme}://127.0.0.1:{port}").send(MAIL)


def test_a_maildir_holds_a_repeated_mail_once_even_after_it_was_read(tmp_path: Path) -> None:
    mailer = MaildirMailer(tmp_path / "mail")
    mailer.send(MAIL)
    mailer.send(MAIL)
    (written,) = (tmp_path / "mail" / "new").iterdir()
    assert written.stat().st_mode & 0o777 == 0o600
    assert "orders/1" in written.read_text()
    (read,) = mailbox.Maildir(tmp_path / "mail", create=False)
    assert read["Subject"] == MAIL.subject
    written.rename(tmp_path / "mail" / "cur" / f"{written.name}:2,S")
    mailer.send(MAIL)
    assert not list((tmp_path / "mail" / "new").iterdir())
    assert not list((tmp_path / "mail" / "tmp").iterdir())
    mailer.send(replace(MAIL, key="01abd"))
    assert len(list((tmp_path / "mail" / "new").iterdir())) == 1


def test_a_folder_that_cannot_be_written_is_said_without_its_path(tmp_path: Path) -> None:
    (tmp_path / "mail").write_text("a file")
    with pytest.raises(MailerUnavailable) as refusal:
        MaildirMailer(tmp_path / "mail").send(MAIL)
    assert str(tmp_path) not in str(refusal.value)


def test_the_setting_chooses_the_mailer(tmp_path: Path) -> None:
    assert isinstance(mailer_for(NotificationsSettings(), tmp_path), MaildirMailer)
    served = NotificationsSettings(smtp_url=SecretStr("smtp://127.0.0.1:2525"))
    assert isinstance(mailer_for(served, tmp_path), SmtpMailer)
    assert "2525" not in repr(served)


def test_a_mailer_that_can_hand_mails_over_passes_its_check(address: str, inbox: Inbox, tmp_path: Path) -> None:
    SmtpMailer(f"smtp://{address}").check()
    SmtpMailer(f"smtp://shop:pass%40word@{address}").check()
    MaildirMailer(tmp_path / "mail").check()
    assert not inbox.received
    assert not list((tmp_path / "mail").rglob("*.bookstore"))


def test_the_check_says_why_no_mail_can_be_handed_over(address: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and says nothing
        port = silent.getsockname()[1]
        with pytest.raises(MailerUnavailable, match="timed out"):
            SmtpMailer(f"smtp://127.0.0.1:{port}", timeout=0.1).check()
    with pytest.raises(MailerUnavailable, match="Connection refused"):
        SmtpMailer(f"smtp://127.0.0.1:{port}").check()
    with pytest.raises(MailerUnavailable, match="rejects user or password with 535"):
        SmtpMailer(f"smtp://shop:wrong@{address}").check()
    with pytest.raises(MailerUnavailable, match="SSL"):
        SmtpMailer(f"smtps://{address}").check()
    (tmp_path / "mail").write_text("a file")
    with pytest.raises(MailerUnavailable, match="cannot be written"):
        MaildirMailer(tmp_path / "mail").check()


def test_a_server_that_takes_no_passwords_is_no_final_refusal_of_the_address(inbox: Inbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        mailer = SmtpMailer(f"smtp://shop:secret@127.0.0.1:{port}")
        for hand_over in (mailer.check, lambda: mailer.send(MAIL)):
            with pytest.raises(MailerUnavailable, match="AUTH"):
                hand_over()
    finally:
        controller.stop()
