"""The command `avatar new`: writes the package of a new provider."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from avatar_core.cli.output import exit_code
from avatar_core.cli.scaffold.packs import Kind
from avatar_core.contracts.errors import AvatarError

app = typer.Typer(no_args_is_help=True)


@app.callback()
def main() -> None:
    """Write a new package."""


@app.command()
def provider(
    name: Annotated[str, typer.Argument(help="The name of the provider, for example acme.")],
    kind: Annotated[
        Kind,
        typer.Option(
            help="rest: a vendor with a REST API; websocket: one that also receives "
            "audio over a WebSocket; renderer: a face that your own code draws."
        ),
    ] = Kind.REST,
    into: Annotated[
        Path | None,
        typer.Option(
            help="The folder of the package; by default avatar-provider-NAME.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write the package of a provider, with tests that pass.

    Example: avatar new provider acme --kind rest

    The command exits with status 2 if the name or the folder cannot be used.
    """
    from avatar_core.cli.scaffold.write import write_provider

    folder = into or Path(f"avatar-provider-{name}")
    try:
        count = write_provider(name, kind, folder)
    except AvatarError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(exit_code(error)) from None
    typer.echo(f"Created {folder} with {count} files. Next steps:\n  cd {folder}")
    typer.echo('  pip install -e ".[dev]"\n  pytest\nThe README lists what to change.')
