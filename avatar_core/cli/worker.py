"""The command `avatar worker`: runs the server of a provider, for agents on other machines.

A provider class that has a server defines the class method `serve`, as `Serve` describes it.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from typing import Protocol

from avatar_core.cli.output import exit_code
from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import AvatarError, ConfigError
from avatar_core.registry.discovery import ProviderRegistry

INTERRUPTED = 130


class Serve(Protocol):
    """The type of the class method `serve` of a provider class that has a server."""

    async def __call__(
        self, *, host: str, port: int, limit: int, say: Callable[[str], None]
    ) -> None:
        """Run the server until the task is cancelled. End all sessions before the method returns.

        Args:
            host: The address to listen on.
            port: The port to listen on; 0 selects a free port.
            limit: The maximum number of sessions at the same time.
            say: Receives each line that the user must read, for example the URL of the server.

        Raises:
            ConfigError: The server cannot start with these arguments.
        """


def run(provider: str, *, host: str, port: int, limit: int) -> int:
    """Run the server of a provider until SIGINT or SIGTERM, and print the errors.

    Args:
        provider: The name of the provider.
        host: The address to listen on.
        port: The port to listen on; 0 selects a free port.
        limit: The maximum number of sessions at the same time.

    Returns:
        The exit code: 0 after SIGTERM, 130 after SIGINT, 2 after an error in the configuration, 1
        after another error.
    """
    try:
        serve = _server_of(provider)
        return asyncio.run(_until_signal(serve, host, port, limit))
    except AvatarError as error:
        error.provider = error.provider or provider
        print(error, file=sys.stderr)
        return exit_code(error)


def _server_of(provider: str) -> Serve:
    serve: Serve | None = getattr(ProviderRegistry().load(provider), "serve", None)
    if serve is None:
        raise ConfigError(
            "the provider has no avatar server that `avatar worker` can start.",
            provider=provider,
            hint=f"Agents can use this provider without a server: set AVATAR_PROVIDER={provider}.",
            code=ErrorCode.NO_SERVER,
        )
    return serve


async def _until_signal(serve: Serve, host: str, port: int, limit: int) -> int:
    serving = asyncio.ensure_future(serve(host=host, port=port, limit=limit, say=_say))
    received: list[int] = []

    def stop(number: int) -> None:
        """Cancel the server at the first signal.

        Args:
            number: The number of the signal.
        """
        if not received:  # a second signal must not interrupt the shutdown
            serving.cancel()
        received.append(number)

    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop, number)
    with contextlib.suppress(asyncio.CancelledError):
        await serving
    _say("Stopped.")
    return INTERRUPTED if signal.SIGINT in received else 0


def _say(line: str) -> None:
    print(line, flush=True)
