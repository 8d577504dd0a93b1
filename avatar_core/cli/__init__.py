"""The `avatar` command."""

from __future__ import annotations

from typing import Annotated

import typer

from avatar_core.cli.plugins import WithPlugins

Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show the traceback of each error's cause.")
]

app = typer.Typer(
    cls=WithPlugins, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
)


@app.callback()
def main() -> None:
    """A face for any LiveKit voice agent."""


@app.command()
def worker(
    provider: Annotated[str, typer.Option(help="Whose server, like local.")],
    serve: Annotated[
        bool, typer.Option("--serve", help="Offer its avatars over REST, until Ctrl-C.")
    ] = False,
    host: Annotated[str, typer.Option(help="Where to listen.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Sessions at once.")] = 4,
) -> None:
    """Draw avatars for agents on other machines: avatar worker --provider local --serve."""
    from avatar_core.cli.worker import run

    if not serve:
        raise typer.BadParameter("it has nothing to do; say --serve.")
    raise typer.Exit(run(provider, host=host, port=port, limit=limit))


@app.command("list")
def list_providers(
    load: Annotated[bool, typer.Option("--load", help="Import each, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
    verbose: Verbose = False,
) -> None:
    """Tell which providers are installed, and whether they can be used."""
    from avatar_core.cli.listing import run

    raise typer.Exit(run(load=load, as_json=as_json, verbose=verbose))


@app.command()
def reap(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
) -> None:
    """End the paid sessions that killed processes left behind; living ones are not touched."""
    from avatar_core.cli.reap import run

    raise typer.Exit(run(dry_run=dry_run, as_json=as_json))


@app.command()
def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="For a program.")] = False,
    verbose: Verbose = False,
) -> None:
    """Look for what is commonly wrong: keys, LiveKit, the clock, the provider, leftovers."""
    from avatar_core.cli.doctor import run

    raise typer.Exit(run(as_json=as_json, verbose=verbose))
