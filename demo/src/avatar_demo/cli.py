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
            help="Talk for about this many seconds, check the result, and exit.",
        ),
    ] = None,
    allow_remote: Annotated[
        bool,
        typer.Option(help="Use the server of LIVEKIT_URL even if it is not on this machine."),
    ] = False,
    port: Annotated[
        int,
        typer.Option(
            envvar="DEMO_PORT", min=0, max=65535, help="Port of the page; 0 selects a free port."
        ),
    ] = 0,
    open: Annotated[bool, typer.Option(help="Open the page in a browser.")] = True,
    record: Annotated[
        Path | None,
        typer.Option(help="Record the conversation, as a listener receives it, into an mp4 file."),
    ] = None,
    offline: Annotated[
        bool,
        typer.Option(
            "--offline", help="Run in memory without a livekit-server, and record into demo.mp4."
        ),
    ] = False,
) -> None:
    """Talk to an agent with an avatar of AVATAR_PROVIDER (by default `local`), on a web page.

    With --seconds, --record or --offline a test user replaces the page, and checks the words that
    it receives.
    """
    from avatar_demo.run import Options, run_demo

    raise typer.Exit(run_demo(Options(seconds, allow_remote, port, open, record, offline)))
