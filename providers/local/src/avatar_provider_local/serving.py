"""Runs a local avatar server: reads the API key, listens on the port, and stops the server."""

from __future__ import annotations

import asyncio
import errno
import os
import re
import secrets
from collections.abc import Callable
from typing import ClassVar

from aiohttp import web
from pydantic import SecretStr, field_validator
from pydantic_settings import SettingsConfigDict

from avatar_core import ConfigError, ErrorCode, ProviderSettings
from avatar_provider_local.connections import Connections, LimitedRunner
from avatar_provider_local.server import application

STOP_S = 5.0
"""Seconds that open requests have to complete when the server stops."""
BACKLOG = 32
"""The listen backlog: the largest number of connections that the server accepts at once, before it
closes the oldest connections above its limit."""
KEY = re.compile(r"[!-~]{16,}")


class ServerSettings(ProviderSettings):
    """The settings of an avatar server, read from `AVATAR_LOCAL_*`.

    Attributes:
        api_key: Key that clients must send: 16 or more printable ASCII characters without spaces.
            If `api_key` is None, `serve` generates a key for this run and prints it once.
    """

    model_config = SettingsConfigDict(env_prefix="AVATAR_LOCAL_")
    provider: ClassVar[str] = "local"

    api_key: SecretStr | None = None

    @field_validator("api_key")
    @classmethod
    def _is_long(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not KEY.fullmatch(key.get_secret_value()):
            raise ValueError(
                "The key must have at least 16 printable ASCII characters and no spaces."
            )
        return key


async def serve(*, host: str, port: int, limit: int, say: Callable[[str], None]) -> None:
    """Run an avatar server until the task is cancelled.

    Args:
        host: Host name or address to listen on.
        port: Port to listen on; 0 selects a free port.
        limit: Maximum number of sessions at the same time.
        say: A function that the server calls with a line that contains its address, and with a line
            that contains the generated key if AVATAR_LOCAL_API_KEY is not set.

    Raises:
        ConfigError: The server cannot listen on the host and port, or the API key is invalid.
    """
    given = ServerSettings.load().api_key
    key = given or SecretStr(secrets.token_urlsafe(24))
    connections = Connections()
    app = application(key, limit)
    app.middlewares.insert(0, connections.middleware)
    runner = LimitedRunner(
        app,
        connections,
        handler_cancellation=True,
        access_log=None,
        shutdown_timeout=STOP_S,
    )
    await runner.setup()
    try:
        await _listen(runner, host, port)
        bound = runner.addresses[0]
        name = f"[{bound[0]}]" if ":" in bound[0] else bound[0]
        say(f"http://{name}:{bound[1]} runs up to {limit} avatars at the same time.")
        if given is None:
            say(f"AVATAR_LOCAL_API_KEY={key.get_secret_value()} (made for this run)")
        await asyncio.get_running_loop().create_future()
    finally:
        await runner.cleanup()


async def _listen(runner: web.AppRunner, host: str, port: int) -> None:
    try:
        await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            what, hint = (
                f"port {port} of {host} is already in use",
                "Choose another port with --port.",
            )
        else:  # a name that is not known has a number that is none of the system's
            number = error.errno or 0
            why = os.strerror(number) if number > 0 else str(error.strerror)
            what, hint = f"the server cannot listen on {host} ({why.lower()})", "Check --host."
        fault = ConfigError(f"{what}.", provider="local", hint=hint, code=ErrorCode.PORT_IN_USE)
    else:
        return
    raise fault
