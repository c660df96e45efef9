"""What can be set for mails."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

_ADDRESS: Final = re.compile("[!-?A-~]+@[!-?A-~]+")


class NotificationsSettings(BaseSettings):
    """Each is the environment variable `BOOKSTORE_<NAME>`."""

    model_config = SettingsConfigDict(env_prefix="BOOKSTORE_", frozen=True, extra="ignore")

    smtp_url: SecretStr = SecretStr("")
    """Mail server as smtp://[user:password@]host[:port] or smtps://…; empty: a Maildir in the data folder's `mail`."""
    mail_from: str = Field(default="orders@bookstore.example", max_length=254)
    """Sender address of every mail."""
    mail_attempts: int = Field(default=30, ge=1, le=1000)
    """How often a mail is tried before it is given up; 30 attempts take about six hours."""

    @field_validator("mail_from")
    @classmethod
    def _is_address(cls, text: str) -> str:
        if not _ADDRESS.fullmatch(text):
            raise ValueError("must be an email address, such as orders@example.com")
        return text

    @field_validator("smtp_url")
    @classmethod
    def _is_smtp(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        if text:
            parts = urlsplit(text)
            if parts.scheme not in ("smtp", "smtps") or not parts.hostname:
                raise ValueError("must be like smtp://host:25 or smtps://user:password@host:465")
            _ = parts.port  # raises ValueError when it is no port
        return url
