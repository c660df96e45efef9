"""The mailer, as notifications see it, and the mail it is given."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime
from typing import Protocol


class MailerUnavailable(RuntimeError):
    """The mail could not be handed over now; try again later. The text names no address."""


class AddressRefused(RuntimeError):
    """The mail server does not take mail for the address, now or later. The text does not name it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail. `key` is the same for every attempt at it: letters, digits and dashes."""

    key: str
    sender: str
    recipient: str = field(repr=False)
    subject: str
    body: str = field(repr=False)
    time: datetime

    def message(self) -> EmailMessage:
        """The mail in the form of RFC 5322, the same bytes for every attempt. Raises AddressRefused."""
        message = EmailMessage(policy=SMTP if self.recipient.isascii() else SMTPUTF8)
        try:
            message["To"] = Address(addr_spec=self.recipient)
        except (ValueError, IndexError, MessageError):  # all of them the parser's; their texts hold the address
            raise AddressRefused("the address is not one that mail can be sent to") from None
        message["From"] = Address(addr_spec=self.sender)
        message["Subject"] = self.subject
        message["Date"] = format_datetime(self.time)
        message["Message-ID"] = f"<{self.key}@{self.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday replies
        # Quoted-printable keeps what is ASCII readable, where base64 would hide the whole text.
        message.set_content(self.body, cte=None if self.body.isascii() else "quoted-printable")
        return message


class Mailer(Protocol):
    """Hands mails over for delivery."""

    @property
    def name(self) -> str:
        """What it hands them to, for health: `mail server` or `mail folder`."""
        ...

    def send(self, mail: Mail) -> None:
        """Hands one mail over; again with the same key means the same mail.

        Raises MailerUnavailable and AddressRefused.
        """
        ...

    def check(self) -> None:
        """Does all that comes before the first mail. Raises MailerUnavailable when a mail could not be handed over."""
        ...
