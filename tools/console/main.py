"""The `bookstore` command. What a command needs is imported inside it, so that each one starts fast."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from tools.console.errors import Refused
from tools.console.paths import GENERATED

if TYPE_CHECKING:
    from tools.console.settings import ConsoleSettings

_BEGAN = time.monotonic()

app = typer.Typer(
    help="The bookstore on this machine: every service, the broker and the edge.",
    epilog="`bookstore --install-completion` makes your shell complete commands, options and names of services.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)

new = typer.Typer(help="Write new parts of the shop, in a clone of its repository.", no_args_is_help=True)
app.add_typer(new, name="new")


def _show_version(asked: bool) -> None:
    if asked:
        from services import __version__

        typer.echo(f"bookstore {__version__}")
        raise typer.Exit


@app.callback()
def prepare(
    version: Annotated[  # noqa: ARG001  # the callback acts on it
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """The bookstore on this machine: every service, the broker and the edge."""
    if str(GENERATED) not in sys.path:
        sys.path.append(str(GENERATED))


def _services(incomplete: str) -> list[str]:
    from tools.console.services import service_names

    return [name for name in service_names() if name.startswith(incomplete)]


@app.command()
def up(
    seed: Annotated[bool, typer.Option(help="Fill a new shop with books and demo customers.")] = True,
) -> None:
    """Starts everything and keeps it running until Ctrl-C."""
    with _plain_refusals():
        from tools.console.lock import FolderLock
        from tools.console.preflight import require
        from tools.console.stack import assemble
        from tools.console.supervisor import run
        from tools.console.terminal import Progress

        settings = load_settings()
        warnings = tuple(map(str, require(settings)))
        for warning in warnings:
            typer.secho(f"warning: {warning}", fg=typer.colors.YELLOW, err=True)
        settings.folder.make()
        lock = FolderLock(settings.folder.lock)
        lock.take()
        try:
            run(
                lambda: assemble(settings, seed=seed, warnings=warnings),
                state_file=settings.folder.state,
                progress=Progress(),
                began=_BEGAN,
            )
        finally:
            lock.release()


@app.command()
def serve(
    service: Annotated[str, typer.Argument(help="Name of the service, such as catalog.", autocompletion=_services)],
) -> None:
    """Serves one service in this process, with its settings from the environment."""
    with _plain_refusals():
        from tools.console.environment import require
        from tools.console.serve import serve as serve_one

        require("console", "chassis", service)

        raise typer.Exit(serve_one(service))


@app.command()
def migrate(
    service: Annotated[
        str, typer.Argument(help="One service; all of them when left out.", autocompletion=_services)
    ] = "",
) -> None:
    """Brings databases to the schema of this release; does nothing where they are."""
    with _plain_refusals():
        from tools.console.databases import migrate_all

        load_settings()
        for line in migrate_all(service):
            typer.echo(line)


@app.command()
def seed(
    administrator_only: Annotated[bool, typer.Option("--administrator-only", help="No books, no customers.")] = False,
) -> None:
    """Fills the running shop with books, stock and demo customers; repeating it changes nothing."""
    with _plain_refusals():
        from tools.console import first_run

        settings = load_settings()
        if first_run.ensure_administrator(settings):
            typer.echo(f"{first_run.ADMINISTRATOR}: password in {settings.folder.administrator_password}")
        if not administrator_only:
            typer.echo(first_run.stock_shelves(settings))


@app.command()
def status() -> None:
    """Shows what runs where, whether it works, and the memory it takes.

    Its exit code tells the state, which is that of `/v1/status`.

    0: SERVING.

    1: NOT_SERVING, or the shop does not run.

    3: DEGRADED.
    """
    with _plain_refusals():
        from tools.console.status import EXIT_CODES, MEANING, current, proportional_bytes
        from tools.console.terminal import Progress

        folder = load_settings().folder
        shop = current(folder)
        memory = proportional_bytes(shop.stack)
        progress = Progress()
        progress.table(shop.stack, memory=memory, health=shop.health)
        for problem in shop.problems(folder):
            progress.say(problem)
        progress.say(
            f"{shop.stack.where}; started in {shop.stack.ready_seconds:.1f} s; "
            f"{sum(memory.values()) / 1024**2:.0f} MB of memory (shared pages counted once)"
        )
        progress.say(f"{shop.state.value}: {MEANING[shop.state]}")
        raise typer.Exit(EXIT_CODES[shop.state])


@app.command()
def doctor() -> None:
    """Names what is missing, taken or out of reach and what to do about it. Exit code 1 unless all is well."""
    with _plain_refusals():
        from tools.console.environment import SettingsInvalid
        from tools.console.preflight import examine

        try:
            settings = load_settings()
        except SettingsInvalid as invalid:
            raise SettingsInvalid("\n".join(f"FAIL  {line}" for line in str(invalid).splitlines())) from None
        is_well = True
        for finding in examine(settings):
            mark = "FAIL" if finding.stops_start else "warn" if finding.is_warning else "ok"
            typer.echo(f"{mark:4}  {finding}")
            is_well = is_well and finding.is_good
        raise typer.Exit(0 if is_well else 1)


@app.command()
def token(user: Annotated[str, typer.Argument(help="An email address, or a resource name such as users/1.")]) -> None:
    """Prints an access token for a user; development only."""
    with _plain_refusals():
        from tools.console.lock import holder
        from tools.console.state import StackState

        loaded = load_settings()
        running = StackState.read(loaded.folder.state) if holder(loaded.folder.lock) is not None else None
        if "production" in (loaded.environment, running.environment if running else ""):
            raise Refused("tokens are printed in development only; sign in with POST /v1/sessions")
        from chassis.kernel import ServiceError
        from chassis.settings import ChassisSettings
        from services.identity.bootstrap import mint_access_token
        from tools.console.databases import plain_storage
        from tools.console.environment import read

        settings = read(ChassisSettings)
        try:
            with plain_storage(settings):
                typer.echo(mint_access_token(settings, user))
        except ServiceError as error:
            raise Refused(str(error)) from None


@new.command("service")
def new_service(
    name: Annotated[str, typer.Argument(help="A plural of one word, such as wishes.")],
    noun: Annotated[str, typer.Option(help="One of them, such as wish; by default the singular of the name.")] = "",
) -> None:
    """Writes a running, tested service with one resource: contract, code, migration, tests and import contracts."""
    with _plain_refusals():
        from tools.new_service.write import new_service as write

        for path in write(name, noun):
            typer.echo(path)
        typer.echo("import contracts: the end of pyproject.toml\ngenerated/: regenerated\n")
        typer.echo("Next: `make check test-services`, `make run`; after each change of the contract `make protos`.")


def load_settings() -> ConsoleSettings:
    """The settings from the environment. Raises SettingsInvalid."""
    from tools.console import settings

    return settings.load_settings()


@contextlib.contextmanager
def _plain_refusals() -> Iterator[None]:
    try:
        yield
    except (Refused, TimeoutError) as error:
        typer.secho(str(error), fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from None
