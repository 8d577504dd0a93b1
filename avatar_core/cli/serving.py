"""Runs a server until SIGINT or SIGTERM, for the commands that serve."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from typing import Protocol

INTERRUPTED = 130


class Serve(Protocol):
    """The type of a server that a command runs."""

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


async def run_until_signal(serve: Serve, *, host: str, port: int, limit: int) -> int:
    """Run a server until the first SIGINT or SIGTERM.

    Args:
        serve: The server.
        host: The address to listen on.
        port: The port to listen on; 0 selects a free port.
        limit: The maximum number of sessions at the same time.

    Returns:
        The exit code: 0 after SIGTERM, 130 after SIGINT.

    Raises:
        AvatarError: The server cannot start.
    """
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
