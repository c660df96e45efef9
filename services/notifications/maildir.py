"""A Maildir as mailer: for development, and for whatever picks mail up from a folder."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from services.notifications.mailer import Mail, MailerUnavailable

_FLAGS: Final = ":"
"""What a mail reader puts between the name of a mail it has seen and its marks."""


class MaildirMailer:
    """Puts each mail into `new` under a name made of its key, so that a repeat makes no second one.

    Layout: Maildir (folders tmp, new and cur), readable by `mailbox.Maildir` and every common mail reader.
    """

    name: Final = "mail folder"

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def send(self, mail: Mail) -> None:
        """Writes the mail durably; does nothing when it is there, read or not.

        Raises AddressRefused, and MailerUnavailable when the folder cannot be written.
        """
        name = f"{int(mail.time.timestamp())}.{mail.key}.bookstore"
        content = mail.message().as_bytes()
        with _translated():
            self._make_folders()
            if not self._has(name):
                self._write(name, content)

    def check(self) -> None:
        """Writes a file without a name, which leaves nothing. Raises MailerUnavailable when it cannot be written."""
        with _translated():
            self._make_folders()
            with tempfile.TemporaryFile(dir=self._folder / "tmp"):
                pass

    def _make_folders(self) -> None:
        for part in ("tmp", "new", "cur"):
            (self._folder / part).mkdir(parents=True, exist_ok=True, mode=0o700)

    def _has(self, name: str) -> bool:
        seen = self._folder / "cur"
        return (self._folder / "new" / name).exists() or any(
            file.name == name or file.name.startswith(name + _FLAGS) for file in seen.iterdir()
        )

    def _write(self, name: str, content: bytes) -> None:
        draft, final = self._folder / "tmp" / name, self._folder / "new" / name
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        draft.replace(final)
        folder = os.open(final.parent, os.O_RDONLY)
        try:
            os.fsync(folder)  # the name as well survives power loss
        finally:
            os.close(folder)


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MailerUnavailable(f"the mail folder cannot be written: {error.strerror}") from error
