"""The `avatar` command."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def main() -> None:
    """A face for any LiveKit voice agent."""


@app.command()
def demo(
    seconds: Annotated[
        float | None,
        typer.Option(
            envvar="DEMO_SECONDS",
            min=10.0,
            max=600.0,
            help="Speak for about so long, check what was heard, and exit.",
        ),
    ] = None,
    allow_remote: Annotated[
        bool,
        typer.Option(help="Use LIVEKIT_URL even where its host is not this machine."),
    ] = False,
) -> None:
    """A real agent speaks in a real room, through the avatar of AVATAR_PROVIDER (mock)."""
    from avatar_core.cli.demo.course import run

    raise typer.Exit(run(seconds, allow_remote=allow_remote))
