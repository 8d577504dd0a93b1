"""The commands `avatar tavus create-pal` and `avatar tavus-sim`."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import math
import signal
from importlib import import_module
from typing import Annotated

import typer
from pydantic import SecretStr

from avatar_core import AvatarError, ConfigError, Renderer, RestClient
from avatar_provider_tavus.settings import STOCK_FACE, TavusSettings
from avatar_provider_tavus.simulator import FAULTS

app = typer.Typer(no_args_is_help=True, add_completion=False)
simulator = typer.Typer(no_args_is_help=False, add_completion=False)

Fault = Annotated[
    list[str] | None, typer.Option(help=f"Faults of the calls from the start: {', '.join(FAULTS)}.")
]


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise typer.BadParameter("the value is not a finite number.")
    return value


def _renderer(path: str) -> str:
    module, _, name = path.partition(":")
    try:
        found = getattr(import_module(module), name) if path else Renderer
    except Exception as error:
        raise typer.BadParameter(f"{path!r} cannot be imported ({type(error).__name__}).") from None
    if not (isinstance(found, type) and issubclass(found, Renderer)):
        raise typer.BadParameter(f"{path!r} is not a subclass of avatar_core.Renderer.")
    return path


@app.callback()
def main() -> None:
    """Prepare a Tavus account for avatar-core."""


@app.command("create-pal")
def create_pal(
    name: Annotated[
        str, typer.Option(help="The name of the PAL.")
    ] = "avatar-core, echo over LiveKit",
    face: Annotated[str, typer.Option(help="The default face of the PAL.")] = STOCK_FACE,
) -> None:
    """Create a PAL (Tavus's persona) that joins LiveKit rooms and speaks what your agent says.

    The command prints TAVUS_PAL_ID and the id of the PAL, for your environment. The command
    exits with status 2 if the settings are invalid, and with status 1 if the request fails.
    """
    try:
        settings = TavusSettings.load()
        made = asyncio.run(_create_pal(settings, name, face))
    except AvatarError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2 if isinstance(error, ConfigError) else 1) from None
    typer.echo(f"TAVUS_PAL_ID={made}")


@simulator.command()
def simulate(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="The port; 0 selects a free one.")
    ] = 8787,
    slots: Annotated[
        int, typer.Option(min=0, help="The maximum number of concurrent conversations.")
    ] = 3,
    credits: Annotated[
        float,
        typer.Option(min=0, callback=_finite, help="Paid minutes; 0 means no limit."),
    ] = 0.0,
    join: Annotated[
        float,
        typer.Option(
            min=0, callback=_finite, help="Seconds from a create request until the avatar joins."
        ),
    ] = 1.0,
    face: Annotated[
        str,
        typer.Option(callback=_renderer, help="A renderer of your own, as package.module:Class."),
    ] = "",
    fault: Fault = None,
    chaos: Annotated[
        float, typer.Option(min=0, max=1, help="The share of calls that fail, from 0 to 1.")
    ] = 0.0,
    seed: Annotated[int, typer.Option(help="The seed of --chaos.")] = 0,
) -> None:
    """Run a simulator of Tavus on loopback, with a page that shows the billed seconds.

    The command prints the environment variables that select the simulator. The command exits
    with status 2 if an option is invalid or the port is not available.
    """
    from avatar_provider_tavus.simulator.server import KEY, Simulator, serving

    if unknown := [name for name in fault or () if name not in FAULTS]:
        raise typer.BadParameter(f"the simulator has no fault {unknown[0]!r}; see --help.")

    async def run() -> None:
        """Run the simulator until SIGINT or SIGTERM, and print the number of conversations.

        Raises:
            OSError: The port cannot be used.
        """
        made = Simulator(
            slots=slots,
            credits_s=60 * credits or math.inf,
            join_s=join,
            face=face,
            faults=tuple(fault or ()),
            chaos=chaos,
            seed=seed,
        )
        async with serving(made, port=port, say=typer.echo) as address:
            typer.echo(f"export TAVUS_API_URL={address} TAVUS_API_KEY={KEY} AVATAR_PROVIDER=tavus")
            stopped = asyncio.Event()
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, stopped.set)
            await stopped.wait()
        leaked = sum(one.end_reason == "the vendor was closed" for one in made.account.sessions)
        typer.echo(
            f"Created {len(made.account.sessions)} conversations; {leaked} were never ended."
        )

    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(run())
        except OSError as error:
            taken = error.errno == errno.EADDRINUSE
            what = "is already in use" if taken else f"cannot be used ({error.strerror or error})"
            typer.echo(f"Port {port} {what}. Choose another port with --port.", err=True)
            raise typer.Exit(2) from None


async def _create_pal(settings: TavusSettings, name: str, face: str) -> str:
    key = SecretStr(settings.api_key.get_secret_value())
    rest = RestClient(settings.api_url, key=key, auth="x-api-key", provider="tavus")
    options = {
        "pal_name": name,
        "pipeline_mode": "echo",
        "default_face_id": face,
        "layers": {"transport": {"transport_type": "livekit"}},
    }
    return (await rest.call("POST", "/pals", options)).text("pal_id")
