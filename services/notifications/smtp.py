"""A mail server as mailer."""

from __future__ import annotations

import smtplib
import ssl
from contextlib import suppress
from typing import Final
from urllib.parse import unquote, urlsplit

from services.notifications.mailer import AddressRefused, Mail, MailerUnavailable

_TIMEOUT_SECONDS: Final = 10.0
_PERMANENT: Final = 500
"""SMTP replies from here on are final (RFC 5321, section 4.2.1)."""
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class SmtpMailer:
    """Talks SMTP to the server of `url`, a connection for each mail.

    `smtps://` is encrypted from the start, `smtp://` as soon as the server offers STARTTLS; certificates are checked.
    A password is sent encrypted or to this machine only.
    """

    name: Final = "mail server"

    def __init__(self, url: str, *, timeout: float = _TIMEOUT_SECONDS, trust: ssl.SSLContext | None = None) -> None:
        """`timeout` in seconds, for each answer of the server; `trust` the authorities, else the system's."""
        parts = urlsplit(url)
        self._secure = parts.scheme == "smtps"
        self._host = parts.hostname or ""
        self._port = parts.port or (smtplib.SMTP_SSL_PORT if self._secure else smtplib.SMTP_PORT)
        self._user, self._password = unquote(parts.username or ""), unquote(parts.password or "")
        self._timeout = timeout
        self._trust = trust or ssl.create_default_context()

    def send(self, mail: Mail) -> None:
        """Hands one mail to the server. Raises MailerUnavailable and AddressRefused."""
        message = mail.message()
        try:
            with self._connected() as server:
                server.send_message(message)
        except smtplib.SMTPRecipientsRefused as refusal:
            codes = [code for code, _ in refusal.recipients.values()]
            if codes and min(codes) >= _PERMANENT:
                raise AddressRefused(f"the mail server refused the address with {min(codes)}") from None
            raise MailerUnavailable(f"the mail server put the address off with {codes}") from None
        except smtplib.SMTPNotSupportedError:
            raise AddressRefused("the mail server takes no addresses beyond ASCII") from None
        except smtplib.SMTPResponseException as error:  # its text can hold the address: only the number is passed on
            raise MailerUnavailable(f"the mail server answered {error.smtp_code}") from None
        except (smtplib.SMTPException, OSError) as error:
            raise MailerUnavailable(f"the mail server is gone ({type(error).__name__})") from None

    def check(self) -> None:
        """Connects, encrypts and signs in as for a mail. Raises MailerUnavailable."""
        with suppress(smtplib.SMTPException, OSError), self._connected():
            pass  # how the server takes leave does not matter

    def _connected(self) -> smtplib.SMTP:
        """A session in which mails can be sent. Raises MailerUnavailable."""
        try:
            return self._opened()
        except smtplib.SMTPAuthenticationError as error:
            raise MailerUnavailable(f"the mail server rejects user or password with {error.smtp_code}") from None
        except smtplib.SMTPResponseException as error:
            raise MailerUnavailable(f"the mail server answered {error.smtp_code}") from None
        except (smtplib.SMTPException, OSError) as error:  # no mail was named yet, so its text holds no address
            raise MailerUnavailable(f"no session with the mail server: {error.strerror or error}") from None

    def _opened(self) -> smtplib.SMTP:
        if self._secure:
            server: smtplib.SMTP = smtplib.SMTP_SSL(self._host, self._port, timeout=self._timeout, context=self._trust)
        else:
            server = smtplib.SMTP(self._host, self._port, timeout=self._timeout)
        try:
            encrypted = self._secure or self._encrypt(server)
            if self._user:
                if not encrypted and self._host not in _LOOPBACK:
                    raise MailerUnavailable("the mail server offers no encryption, so the password is not sent")
                server.login(self._user, self._password)
        except BaseException:
            server.close()
            raise
        return server

    def _encrypt(self, server: smtplib.SMTP) -> bool:
        server.ehlo_or_helo_if_needed()
        if not server.has_extn("starttls"):
            return False
        server.starttls(context=self._trust)
        server.ehlo()
        return True
