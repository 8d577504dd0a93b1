"""The command `avatar gateway`: serves avatars to agents that do not use avatar-core."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from avatar_core.cli.output import exit_code
from avatar_core.cli.serving import run_until_signal
from avatar_core.contracts.errors import AvatarError
from avatar_core.contracts.provider import AvatarProvider
from avatar_core.provisioning.ledger import Ledger, default_folder
from avatar_core.registry.discovery import ProviderRegistry
from avatar_core.settings import AvatarSettings, LiveKitSettings


def run(*, host: str, port: int, limit: int) -> int:
    """Run a gateway until SIGINT or SIGTERM, and print the errors.

    Args:
        host: The address to listen on.
        port: The port to listen on; 0 selects a free port.
        limit: The maximum number of sessions at the same time.

    Returns:
        The exit code: 0 after SIGTERM, 130 after SIGINT, 2 after an error in the configuration, 1
        after another error.
    """
    try:
        livekit, settings = LiveKitSettings.load(), AvatarSettings.load()
        return asyncio.run(
            run_until_signal(partial(_serve, livekit, settings), host=host, port=port, limit=limit)
        )
    except AvatarError as error:
        print(error, file=sys.stderr)
        return exit_code(error)


async def _serve(
    livekit: LiveKitSettings,
    settings: AvatarSettings,
    *,
    host: str,
    port: int,
    limit: int,
    say: Callable[[str], None],
) -> None:
    from avatar_core.gateway.server import serve
    from avatar_core.gateway.session import Server
    from avatar_core.rtc.admin import remove_participant
    from avatar_core.rtc.roster import read_roster

    server = Server(
        livekit=livekit,
        settings=settings,
        ledger=Ledger(settings.ledger or default_folder()),
        read_roster=partial(read_roster, livekit),
        remove=partial(remove_participant, livekit),
        start_worker=_WorkerStarter(livekit.ws_url),
    )
    registry = ProviderRegistry()

    def find_provider(name: str, variant: str) -> AvatarProvider[Any]:
        """Create a provider.

        Args:
            name: The name of the provider.
            variant: The variant; empty for none.

        Returns:
            The provider.

        Raises:
            ConfigError: The provider is unknown, or a setting is missing.
        """
        return registry.create(name, variant=variant)

    await serve(server, find_provider, host=host, port=port, limit=limit, say=say)


class _WorkerStarter:
    """Starts workers of avatar-core on this machine; implements `StartWorker`."""

    def __init__(self, livekit_url: str) -> None:
        self._livekit_url = livekit_url

    async def __call__(
        self, renderer: str, *, token: str, options: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any]:
        from avatar_core.rtc import worker_process
        from avatar_core.worker.process import start_process

        return await start_process(
            worker_process.__name__,
            renderer=renderer,
            livekit_url=self._livekit_url,
            token=token,
            options=options,
        )
