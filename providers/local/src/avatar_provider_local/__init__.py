"""A drawn, lip-synced face for avatar-core that runs on your own CPU, without an account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any, ClassVar

from pydantic import SecretStr
from pydantic_settings import SettingsConfigDict

from avatar_core import (
    ConfigError,
    Outcome,
    ProviderSettings,
    ProvisionedAvatar,
    ProvisionError,
    ProvisionRequest,
    RendererProvider,
    SafeRetry,
)
from avatar_provider_local.client import LocalServer
from avatar_provider_local.face.options import Character, FaceOptions

__all__ = ["Character", "FaceOptions", "LocalProvider", "LocalSettings"]

RENDERER = "avatar_provider_local.face.renderer:FaceRenderer"


class LocalSettings(ProviderSettings, FaceOptions):
    """The settings of the local provider, read from `AVATAR_LOCAL_*`, including those of the face.

    Attributes:
        url: URL of a remote avatar server that `avatar worker --provider local --serve` runs;
            None draws the face in a child process.
        api_key: Key of that server; required with `url`, and not allowed without it.
    """

    model_config = SettingsConfigDict(env_prefix="AVATAR_LOCAL_")
    provider: ClassVar[str] = "local"

    url: str | None = None
    api_key: SecretStr | None = None


class LocalProvider(RendererProvider[LocalSettings]):
    """A provider whose worker draws a face, in a child process or on a remote avatar server."""

    name = "local"
    api_version = (1, 0)
    renderer = RENDERER
    capabilities = replace(RendererProvider.capabilities, expected_join_s=3.0)

    def setup(self) -> None:
        """Check the settings of the remote server, and create its client.

        Raises:
            ConfigError: Only one of `url` and `api_key` is set, or the URL is invalid.
        """
        url, key = self.settings.url, self.settings.api_key
        self._server: LocalServer | None = None
        if url and key:
            try:
                self._server = LocalServer(url, key)
            except ConfigError as error:
                error.message = f"AVATAR_LOCAL_URL: {error.message}"
                raise
            self.endpoint = url
            self.capabilities = replace(self.capabilities, safe_retry=SafeRetry.KEY)
        elif url or key:
            named, other = ("URL", "API_KEY") if url else ("API_KEY", "URL")
            raise ConfigError(
                f"AVATAR_LOCAL_{named} is set and AVATAR_LOCAL_{other} is not.",
                hint="Set both for a server elsewhere, or neither to draw here.",
            )

    def options(self) -> Mapping[str, Any]:
        """Return the keyword arguments of `FaceRenderer`."""
        return self.settings.face()

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Start the worker here or on the remote server, and wait until it is in the room.

        Args:
            request: The room to join, the identity to join as, and the deadline.

        Returns:
            The record of the worker or of the remote session.

        Raises:
            ProvisionError: The room is in memory and the server is remote, or the call to the
                server failed; `outcome` says whether a session may exist.
            WorkerError: The worker cannot be started here, or ended before it was ready.
        """
        if self._server is None:
            return await super().provision(request)
        if not request.livekit_url:
            raise ProvisionError(
                "a room in memory cannot be reached by a server elsewhere.",
                hint="Unset AVATAR_LOCAL_URL and AVATAR_LOCAL_API_KEY.",
                outcome=Outcome.NOT_SENT,
            )
        return await self._server.create(request, self.settings.face())

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End the worker or the remote session; the record and the settings are sufficient.

        Args:
            avatar: The record that `provision` returned, possibly in another process.
            reason: Why it ends; not used.

        Raises:
            ProvisionError: The session is remote, and not at the server of the settings, or the
                call failed.
        """
        if "url" in avatar.state:
            await self._server_of(avatar).end(avatar.session_id)
        else:
            await super().release(avatar, reason)

    async def probe(self) -> None:
        """Check that the remote server accepts the key, or that the face can be drawn here.

        Raises:
            ProvisionError: The server cannot be reached, or it refused the key.
            ConfigError: A system library is missing.
        """
        if self._server is not None:
            await self._server.check_key()
        else:
            await asyncio.to_thread(import_module, RENDERER.partition(":")[0])

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        """Wait until the worker has exited, or the remote session has ended.

        Args:
            avatar: The record that `provision` returned.

        Returns:
            The reason, as a clause for the log.

        Raises:
            ProvisionError: The session is remote, and not at the server of the settings, or the
                server refused the call.
        """
        if "url" in avatar.state:
            return await self._server_of(avatar).wait_for_end(avatar.session_id)
        return await super().watch(avatar)

    @classmethod
    async def serve(cls, *, host: str, port: int, limit: int, say: Callable[[str], None]) -> None:
        """Run an avatar server with a REST API, for `avatar worker --provider local --serve`.

        Args:
            host: Host name or address to listen on.
            port: Port to listen on; 0 selects a free one.
            limit: Maximum number of sessions at the same time.
            say: Called with each line that the user should read.

        Raises:
            ConfigError: The server cannot listen there, or AVATAR_LOCAL_API_KEY is invalid.
        """
        from avatar_provider_local.serving import serve

        await serve(host=host, port=port, limit=limit, say=say)

    def _server_of(self, avatar: ProvisionedAvatar) -> LocalServer:
        """Return the client of the server of the settings: the key is sent nowhere else."""
        url = str(avatar.state["url"])
        if self._server is not None and self._server.url == url:
            return self._server
        ours = "is not set" if self._server is None else f"is {self._server.url}"
        raise ProvisionError(
            f"the session {avatar.session_id} is at {url}, and AVATAR_LOCAL_URL {ours}.",
            provider=self.name,
            hint="If that server is yours, set AVATAR_LOCAL_URL and AVATAR_LOCAL_API_KEY for it.",
            outcome=Outcome.NOT_SENT,
        )
