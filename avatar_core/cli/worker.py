"""The command `avatar worker`: runs the server of a provider, for agents on other machines.

A provider class that has a server defines the class method `serve`, as `Serve` describes it.
"""

from __future__ import annotations

import asyncio
import sys

from avatar_core.cli.output import exit_code
from avatar_core.cli.serving import Serve, run_until_signal
from avatar_core.contracts.error_codes import ErrorCode
from avatar_core.contracts.errors import AvatarError, ConfigError
from avatar_core.registry.discovery import ProviderRegistry


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
        return asyncio.run(run_until_signal(serve, host=host, port=port, limit=limit))
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
