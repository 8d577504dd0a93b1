"""A drawn, lip-synced face for avatar-core: on your own CPU, without an account."""

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
    """`AVATAR_LOCAL_*`: what can be chosen of the face, and where it is drawn."""

    model_config = SettingsConfigDict(env_prefix="AVATAR_LOCAL_")
    provider: ClassVar[str] = "local"

    url: str | None = None
    """A server elsewhere, run by `avatar worker --provider local --serve`; else here."""
    api_key: SecretStr | None = None
    """Of that server."""


class LocalProvider(RendererProvider[LocalSettings]):
    """A worker of our own that draws a face: a child process, or at a server elsewhere."""

    name = "local"
    api_version = (1, 0)
    renderer = RENDERER
    capabilities = replace(RendererProvider.capabilities, expected_join_s=3.0)

    def setup(self) -> None:
        """Url and key go together, and the key goes nowhere in the clear."""
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
        """Return the settings of the face."""
        return self.settings.face()

    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Start the worker; it is in the room when this returns."""
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
        """End the worker, from the record alone."""
        if "url" in avatar.state:
            await self._server_of(avatar).end(avatar.session_id)
        else:
            await super().release(avatar, reason)

    async def probe(self) -> None:
        """Check that the server elsewhere takes the key, or that the face can be drawn here.

        Raises:
            ProvisionError: The server cannot be asked, or refuses the key.
            ConfigError: A system library is missing.
        """
        if self._server is not None:
            await self._server.check_key()
        else:
            await asyncio.to_thread(import_module, RENDERER.partition(":")[0])

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        """Return when the worker has exited, or its server has ended it."""
        if "url" in avatar.state:
            return await self._server_of(avatar).wait_for_end(avatar.session_id)
        return await super().watch(avatar)

    @classmethod
    async def serve(cls, *, host: str, port: int, limit: int, say: Callable[[str], None]) -> None:
        """Offer faces over REST, for `avatar worker --provider local --serve`."""
        from avatar_provider_local.serving import serve

        await serve(host=host, port=port, limit=limit, say=say)

    def _server_of(self, avatar: ProvisionedAvatar) -> LocalServer:
        key = self.settings.api_key
        if key is None:
            raise ProvisionError(
                f"the session {avatar.session_id} is at {avatar.state['url']}, whose key is unset.",
                provider=self.name,
                hint="Set AVATAR_LOCAL_URL and AVATAR_LOCAL_API_KEY.",
                outcome=Outcome.NOT_SENT,
            )
        return LocalServer(str(avatar.state["url"]), key)
