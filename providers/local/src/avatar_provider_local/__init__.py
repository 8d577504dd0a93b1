"""A provider that draws a lip-synced face on your own CPU, without a vendor and an account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from typing import Any, ClassVar
from urllib.parse import urlsplit

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
    """The settings of the local provider and the options of the face, read from `AVATAR_LOCAL_*`.

    Attributes:
        url: URL of a remote avatar server (`avatar worker --provider local --serve`); None draws
            the face in a child process.
        api_key: API key of the remote avatar server; required with `url`, and not allowed without
            `url`.
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
            self.capabilities = replace(
                self.capabilities, safe_retry=SafeRetry.KEY, supports_encryption=False
            )
        elif url or key:
            named, other = ("URL", "API_KEY") if url else ("API_KEY", "URL")
            raise ConfigError(
                f"AVATAR_LOCAL_{named} is set, but AVATAR_LOCAL_{other} is not set.",
                hint="Set both to use a remote avatar server, or neither to draw on this machine.",
            )

    def options(self) -> Mapping[str, Any]:
        """Return the keyword arguments with which the worker creates the `FaceRenderer`.

        Returns:
            Character, width, height, fps and seed from the settings, JSON-safe.
        """
        return self.settings.face()

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Start a worker in a child process or on the remote server, and wait until it has joined.

        Args:
            request: The room to join, the identity to join as, and the deadline.

        Returns:
            The record of the worker or of the remote session.

        Raises:
            ProvisionError: The room is in memory and the server is remote, or the call to the
                server failed; `outcome` says whether a session may exist.
            WorkerError: The child process cannot be started, or exited before it was ready.
        """
        if self._server is None:
            return await super().provision(request)
        if (urlsplit(request.livekit_url).hostname or ".invalid").endswith(".invalid"):
            raise ProvisionError(
                "the remote avatar server cannot join an in-memory room.",
                hint="Unset AVATAR_LOCAL_URL and AVATAR_LOCAL_API_KEY to draw on this machine.",
                outcome=Outcome.NOT_SENT,
            )
        return await self._server.create(request, self.settings.face())

    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End the worker or the remote session.

        Another process than the one that called `provision` may call this method.

        Args:
            avatar: The record that `provision` returned.
            reason: Why the session ends; not used.

        Raises:
            ProvisionError: The session is remote and does not belong to the server of the settings,
                or the call failed.
        """
        if "url" in avatar.state:
            await self._server_of(avatar).end(avatar.session_id)
        else:
            await super().release(avatar, reason)

    async def probe(self) -> None:
        """Check that the remote server accepts the API key, or that this machine can draw the face.

        Raises:
            ProvisionError: The remote server cannot be reached, or it refused the API key.
            ConfigError: The system libraries of Skia are missing, so the face cannot be drawn.
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
            The reason why the worker or the session ended, as a clause for the log.

        Raises:
            ProvisionError: The session is remote and does not belong to the server of the settings,
                or the server refused the call.
        """
        if "url" in avatar.state:
            return await self._server_of(avatar).wait_for_end(avatar.session_id)
        return await super().watch(avatar)

    @classmethod
    async def serve(cls, *, host: str, port: int, limit: int, say: Callable[[str], None]) -> None:
        """Run an avatar server with a REST API, for `avatar worker --provider local --serve`.

        Args:
            host: Host name or address to listen on.
            port: Port to listen on; 0 selects a free port.
            limit: Maximum number of sessions at the same time.
            say: A function that the server calls with each line of text for the user.

        Raises:
            ConfigError: The server cannot listen on the host and port, or AVATAR_LOCAL_API_KEY is
                invalid.
        """
        from avatar_provider_local.serving import serve

        await serve(host=host, port=port, limit=limit, say=say)

    def _server_of(self, avatar: ProvisionedAvatar) -> LocalServer:
        """Return the client of the configured server, which sends the key to no other server."""
        url = str(avatar.state["url"])
        if self._server is not None and self._server.url == url:
            return self._server
        ours = "is not set" if self._server is None else f"is {self._server.url}"
        raise ProvisionError(
            f"the session {avatar.session_id} runs on the server {url}, but AVATAR_LOCAL_URL "
            f"{ours}.",
            provider=self.name,
            hint="If you operate that server, set AVATAR_LOCAL_URL to the URL of the server, and "
            "AVATAR_LOCAL_API_KEY to the API key of the server.",
            outcome=Outcome.NOT_SENT,
        )
