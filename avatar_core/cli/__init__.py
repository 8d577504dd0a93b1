"""The command `avatar` and its subcommands."""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated

import typer

from avatar_core.cli import new
from avatar_core.cli.plugins import WithPlugins

Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show the traceback of each error's cause.")
]

app = typer.Typer(cls=WithPlugins, no_args_is_help=True, pretty_exceptions_enable=False)
app.add_typer(new.app, name="new")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"avatar-core {version('avatar-core')}")
        raise typer.Exit


@app.callback()
def main(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version of avatar-core and exit.",
        ),
    ] = False,
) -> None:
    """Give any LiveKit voice agent a face, from any vendor."""


def _complete_provider(incomplete: str) -> list[str]:
    from avatar_core.registry.discovery import ProviderRegistry

    return [name for name in ProviderRegistry().names() if name.startswith(incomplete)]


@app.command()
def worker(
    provider: Annotated[
        str,
        typer.Option(
            help="The provider that has a server, for example local.",
            autocompletion=_complete_provider,
        ),
    ],
    serve: Annotated[
        bool, typer.Option("--serve", help="Serve avatars over REST until Ctrl-C.")
    ] = False,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to listen on; 0 selects a free one.")
    ] = 0,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="The maximum number of concurrent sessions.")
    ] = 4,
) -> None:
    """Draw avatars for agents on other machines.

    Example: avatar worker --provider local --serve

    The command exits with status 2 if an option is missing or invalid.
    """
    from avatar_core.cli.worker import run

    if not serve:
        raise typer.BadParameter("the option --serve is missing. Add --serve to start the server.")
    raise typer.Exit(run(provider, host=host, port=port, limit=limit))


@app.command()
def gateway(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port to listen on; 0 selects a free one.")
    ] = 8720,
    max_sessions: Annotated[
        int, typer.Option(min=1, max=10_000, help="The maximum number of concurrent avatars.")
    ] = 8,
) -> None:
    """Provision avatars for agents that use LiveKit's inference plugin, in Python or Node.

    Example: avatar gateway, and in the agent LIVEKIT_INFERENCE_URL=http://127.0.0.1:8720
    """
    from avatar_core.cli.gateway import run

    raise typer.Exit(run(host=host, port=port, limit=max_sessions))


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@app.command("list")
def list_providers(
    load: Annotated[
        bool, typer.Option("--load", help="Import each provider and report import errors.")
    ] = False,
    as_json: AsJson = False,
    verbose: Verbose = False,
) -> None:
    """List the installed providers, and the reason if one cannot be used."""
    from avatar_core.cli.listing import run

    raise typer.Exit(run(load=load, as_json=as_json, verbose=verbose))


@app.command()
def reap(
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Print the sessions that would end, and do not end them."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """End the paid sessions that killed processes left behind. Sessions in use continue."""
    from avatar_core.cli.reap import run

    raise typer.Exit(run(dry_run=dry_run, as_json=as_json))


@app.command()
def doctor(as_json: AsJson = False, verbose: Verbose = False) -> None:
    """Check versions, the ledger, LiveKit and the providers, and print the next steps."""
    from avatar_core.cli.doctor import run

    raise typer.Exit(run(as_json=as_json, verbose=verbose))


@app.command()
def explain(
    code: Annotated[
        str, typer.Argument(help="The code of an error, such as AV103; omit it to list all codes.")
    ] = "",
) -> None:
    """Print the causes of an error, the next steps and an example.

    Example: avatar explain AV103
    """
    from avatar_core.cli.explain import run

    raise typer.Exit(run(code))
