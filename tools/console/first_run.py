"""What a new shop gets once it answers: an administrator, and the first books."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Final

from chassis.settings import ChassisSettings
from tools.console.certificates import replace_file
from tools.console.environment import read
from tools.console.ports import reachable
from tools.console.settings import ConsoleSettings

ADMINISTRATOR: Final = "admin@bookstore.example"
_PASSWORD_BYTES: Final = 18  # 144 random bits, 24 characters


def ensure_administrator(settings: ConsoleSettings) -> bool:
    """Makes sure there is an administrator; returns whether the account is new.

    The password stands in the file before the account exists, so that a crash between the two loses nothing. Somebody
    who has noted the password may delete the file: it does not come back. Raises DatabaseMissing, SettingsInvalid.
    """
    from services.identity import bootstrap
    from tools.console.databases import plain_storage

    chassis = read(ChassisSettings)
    file = settings.folder.administrator_password
    password_is_new = not file.exists()
    if password_is_new:
        replace_file(file, secrets.token_urlsafe(_PASSWORD_BYTES).encode(), mode=0o600)
    with plain_storage(chassis):
        created = bootstrap.ensure_administrator(chassis, ADMINISTRATOR, file.read_text(encoding="ascii").strip())
    if password_is_new and not created:
        file.unlink()
    return created


def stock_shelves(settings: ConsoleSettings) -> str:
    """Fills the running shop through its gRPC edge, as the administrator; repeating it changes nothing.

    Returns what was done, for the reader.
    """
    from services.identity import bootstrap
    from tools.console.seed import seed

    report = seed(
        target=f"{reachable(settings.bind)}:{settings.grpc_port}",
        data_dir=settings.folder.path,
        token=bootstrap.mint_access_token(read(ChassisSettings), ADMINISTRATOR),
    )
    replace_file(settings.folder.seeded, f"{datetime.now(UTC).isoformat()}\n".encode(), mode=0o600)
    return str(report)
