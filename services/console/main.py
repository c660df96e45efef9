"""The `bookstore` command. What a command needs is imported inside it, so that each one starts fast."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from services.console.errors import Refused
from services.console.folders import GENERATED

if TYPE_CHECKING:
    from services.console.settings import ConsoleSettings
    from services.console.supervisor import Stack

_BEGAN = time.monotonic()

app = typer.Typer(
    help="The bookstore on this machine: every service, the broker and the edge.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def prepare() -> None:
    """The bookstore on this machine: every service, the broker and the edge."""
    if str(GENERATED) not in sys.path:
        sys.path.append(str(GENERATED))


@app.command()
def up(
    seed: Annotated[bool, typer.Option(help="Fill a new shop with books and demo customers.")] = True,
) -> None:
    """Starts everything and keeps it running until Ctrl-C."""
    with _plain_refusals():
        from services.console.lock import FolderLock
        from services.console.preflight import require
        from services.console.stack import assemble

        settings = load_settings()
        require(settings)
        settings.folder.make()
        lock = FolderLock(settings.folder.lock)
        lock.take()
        try:
            stack = assemble(settings, seed=seed)
            asyncio.run(_run(stack, settings))
        finally:
            lock.release()


@app.command()
def serve(service: Annotated[str, typer.Argument(help="Name of the service, such as catalog.")]) -> None:
    """Serves one service in this process, with its settings from the environment."""
    with _plain_refusals():
        from services.console.serve import serve as serve_one

        raise typer.Exit(serve_one(service))


@app.command()
def migrate(
    service: Annotated[str, typer.Argument(help="One service; all of them when left out.")] = "",
) -> None:
    """Brings databases to the schema of this release; does nothing where they are."""
    with _plain_refusals():
        from services.console.databases import migrate_all

        for line in migrate_all(service):
            typer.echo(line)


@app.command()
def seed(
    administrator_only: Annotated[bool, typer.Option("--administrator-only", help="No books, no customers.")] = False,
) -> None:
    """Fills the running shop with books, stock and demo customers; repeating it changes nothing."""
    with _plain_refusals():
        from services.console import opening

        settings = load_settings()
        if opening.ensure_administrator(settings):
            typer.echo(f"{opening.ADMINISTRATOR}: password in {settings.folder.administrator_password}")
        if not administrator_only:
            typer.echo(opening.stock_shelves(settings))


@app.command()
def status() -> None:
    """Shows what runs where, whether it works, and the memory it takes. Exit code 1 unless all is ready."""
    with _plain_refusals():
        from services.console.progress import Progress
        from services.console.state import Phase
        from services.console.status import current, resident_bytes

        state = current(load_settings().folder)
        memory = resident_bytes(state)
        progress = Progress()
        progress.table(state, memory=memory)
        progress.say(
            f"JSON {state.http}, gRPC {state.grpc}, admin {state.admin}; "
            f"started in {state.ready_seconds:.1f} s; {sum(memory.values()) / 1024**2:.0f} MB resident in all"
        )
        if any(process.phase is not Phase.READY for process in state.processes):
            raise typer.Exit(1)


@app.command()
def doctor() -> None:
    """Names what is missing or taken and what to do about it. Exit code 1 when something is."""
    with _plain_refusals():
        from services.console.preflight import examine

        findings = list(examine(load_settings()))
        for finding in findings:
            remedy = "" if finding.is_good else f"; {finding.remedy}"
            typer.echo(f"{'ok  ' if finding.is_good else 'FAIL'}  {finding.subject}: {finding.detail}{remedy}")
        if not all(finding.is_good for finding in findings):
            raise typer.Exit(1)


@app.command()
def token(user: Annotated[str, typer.Argument(help="A mail address, or a resource name such as users/1.")]) -> None:
    """Prints an access token for a user; development only."""
    with _plain_refusals():
        if load_settings().environment != "development":
            raise Refused("tokens are printed in development only; sign in with POST /v1/sessions")
        from services.chassis.kernel import ServiceError
        from services.chassis.settings import ChassisSettings
        from services.identity.development import mint_access_token

        try:
            typer.echo(mint_access_token(ChassisSettings(), user))
        except ServiceError as error:
            raise Refused(f"{error}; `bookstore up` must have run on this data folder") from None


def load_settings() -> ConsoleSettings:
    """The settings from the environment. Raises SettingsInvalid."""
    from services.console import settings

    return settings.load_settings()


async def _run(stack: Stack, settings: ConsoleSettings) -> None:
    from services.console.progress import Progress
    from services.console.supervisor import Supervisor

    await Supervisor(stack, state_file=settings.folder.state, progress=Progress(), began=_BEGAN).run()


@contextlib.contextmanager
def _plain_refusals() -> Iterator[None]:
    try:
        yield
    except (Refused, TimeoutError) as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from None
