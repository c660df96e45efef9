"""The demo customers and the file that tells their passwords."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.console.certificates import replace_file


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCustomer:
    """An account to try the shop with."""

    email: str
    display_name: str


CUSTOMERS: Final = (
    DemoCustomer(email="ada@bookstore.example", display_name="Ada"),
    DemoCustomer(email="ben@bookstore.example", display_name="Ben"),
    DemoCustomer(email="cleo@bookstore.example", display_name="Cleo"),
)


@dataclass(frozen=True, slots=True)
class PasswordFile:
    """`demo-customers` in the data folder: a line with email address and password per customer, mode 0600."""

    path: Path

    def read(self) -> dict[str, str]:
        """Passwords by email address; none when there is no file."""
        try:
            lines = self.path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        return dict(line.split(maxsplit=1) for line in lines if line.strip())

    def write(self, passwords: Mapping[str, str]) -> None:
        """Replaces the file whole; without passwords there is none."""
        if not passwords:
            self.path.unlink(missing_ok=True)
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        text = "".join(f"{email} {password}\n" for email, password in sorted(passwords.items()))
        replace_file(self.path, text.encode(), mode=0o600)
