"""`avatar worker`: a provider's own server, for agents on other machines.

A provider that has one offers a class method `serve`, see `Serve`; core knows no more of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from typing import Protocol

from avatar_core.contracts.errors import AvatarError, ConfigError
from avatar_core.registry.discovery import ProviderRegistry

INTERRUPTED = 130


class Serve(Protocol):
    """`async def serve(cls, *, host, port, limit, say)`, a class method of a provider."""

    async def __call__(
        self, *, host: str, port: int, limit: int, say: Callable[[str], None]
    ) -> None:
        """Serve until cancelled; return with nothing left running.

        Args:
            host: Where to listen.
            port: Any free one where 0.
            limit: Sessions at once.
            say: Told, a line each, what somebody must know to use it.

        Raises:
            ConfigError: It cannot be started as asked.
        """


def run(provider: str, *, host: str, port: int, limit: int) -> int:
    """Serve until a signal; the exit code."""
    try:
        serve = _server_of(provider)
        return asyncio.run(_until_signal(serve, host, port, limit))
    except AvatarError as error:
        error.provider = error.provider or provider
        print(error, file=sys.stderr)
        return 2 if isinstance(error, ConfigError) else 1


def _server_of(provider: str) -> Serve:
    serve: Serve | None = getattr(ProviderRegistry().load(provider), "serve", None)
    if serve is None:
        raise ConfigError(
            "the provider has no avatar server that `avatar worker` can start.",
            provider=provider,
            hint=f"Agents can use this provider without a server: set AVATAR_PROVIDER={provider}.",
        )
    return serve


async def _until_signal(serve: Serve, host: str, port: int, limit: int) -> int:
    serving = asyncio.ensure_future(serve(host=host, port=port, limit=limit, say=_say))
    received: list[int] = []

    def stop(number: int) -> None:
        if not received:  # a second one must not break off what the first one ends
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
