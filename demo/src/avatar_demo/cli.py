"""The command `avatar demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def demo(
    seconds: Annotated[
        float | None,
        typer.Option(
            envvar="DEMO_SECONDS",
            min=10.0,
            max=600.0,
            help="Speak for about this many seconds, check each word, and exit.",
        ),
    ] = None,
    allow_remote: Annotated[
        bool,
        typer.Option(help="Use LIVEKIT_URL even if its host is another machine."),
    ] = False,
    port: Annotated[
        int,
        typer.Option(
            envvar="DEMO_PORT", min=0, max=65535, help="The port of the page; 0 selects a free one."
        ),
    ] = 0,
    open: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    record: Annotated[
        Path | None,
        typer.Option(help="Record what a listener hears and sees, for example into talk.mp4."),
    ] = None,
    offline: Annotated[
        bool,
        typer.Option("--offline", help="Run in memory, without a server, and write demo.mp4."),
    ] = False,
) -> None:
    """Talk to a real agent with the face of AVATAR_PROVIDER (default: local) on a web page."""
    from avatar_demo.run import Options, run

    raise typer.Exit(run(Options(seconds, allow_remote, port, open, record, offline)))
