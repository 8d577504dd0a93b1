"""What a vendor package implements: provisioning, and the transport to its worker."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.clock import Clock
from avatar_core.contracts.errors import UnsupportedCommandError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.playback import PlaybackTracker
from avatar_core.contracts.provider_class import check_provider_class
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest
from avatar_core.contracts.sink import AudioSink

S = TypeVar("S")
"""A provider's settings, a subclass of `avatar_core.ProviderSettings`."""

PROVIDER_API_VERSION = (1, 0)
"""Providers state the version they were written for as a literal, never this name."""


@dataclass(frozen=True, kw_only=True)
class SinkContext:
    """What a sink and a tracker are made from; one for each lease. Provisional.

    Attributes:
        link: The agent's connection to the room.
        avatar: The provisioned avatar.
        capabilities: The provider's capabilities.
        clock: Returns monotonic seconds.
        log: A logger that names the provider.
    """

    link: RoomLink
    avatar: ProvisionedAvatar
    capabilities: Capabilities
    clock: Clock
    log: logging.LoggerAdapter[logging.Logger]


class AvatarProvider(ABC, Generic[S]):
    """One vendor. Stateless: all about a session is in its `ProvisionedAvatar`.

    Write `class Acme(AvatarProvider[AcmeSettings])` with a `name`, an `api_version`, `provision`
    and `release`, and add an entry point in the group `avatar_core.providers`. avatar-core owns
    order, deadlines and retries. A base for several providers lists `ABC` among its bases.

    Attributes:
        name: Selects the provider; equal to the name of its entry point.
        api_version: The provider API that the class was written for; write it as a literal.
        settings_cls: The class of `settings`; by default the type argument.
        capabilities: What the vendor can do; `setup` may narrow it from the settings.
        endpoint: The address of the vendor, which must reach the room; empty where the worker
            runs beside the agent.
        account: Identifies whose sessions the provider can end, without a secret; empty where
            there are no accounts.

    Raises:
        TypeError: At class creation: an attribute is missing or misspelt, or `settings_cls`
            contradicts the type argument. The message holds the line to write.
    """

    name: ClassVar[str]
    api_version: ClassVar[tuple[int, int]]
    settings_cls: type[S]
    capabilities: Capabilities = Capabilities()
    endpoint: str = ""
    account: str = ""

    _required: ClassVar[Mapping[str, str]] = {
        "name": 'name = "<vendor>"',
        "api_version": f"api_version = {PROVIDER_API_VERSION}",
    }
    """The attributes that a provider must set, and for each the line to write."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_provider_class(cls, AvatarProvider, cls._required)

    def __init__(self, settings: S) -> None:
        self.settings = settings
        self.setup()

    def setup(self) -> None:
        """Check and narrow from `self.settings`; no I/O. Override this, not `__init__`."""
        return

    @abstractmethod
    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Bring an avatar into the room.

        Raises:
            ProvisionError: With its outcome. Never return without an avatar.
        """

    @abstractmethod
    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End the session; idempotent; from the record alone, in any process.

        Raises:
            ProvisionError: The vendor could not be told.
        """

    async def lookup(self, key: str) -> ProvisionedAvatar | None:
        """Did an ambiguous create with this key buy something?

        Its `identity` may be empty, for the engine knows it.
        """
        return None

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        """Return why, once the session is known to be gone; by default never."""
        gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        return await gone

    def create_sink(self, ctx: SinkContext) -> AudioSink | None:
        """Return the sink that carries takes to the worker. Provisional.

        Args:
            ctx: What the sink is made from.

        Returns:
            A sink, or None for LiveKit's byte stream, which most vendors use.
        """
        return None

    def create_tracker(self, ctx: SinkContext) -> PlaybackTracker | None:
        """Return the tracker that learns what was heard. Provisional.

        Args:
            ctx: What the tracker is made from.

        Returns:
            A tracker, or None for the reports and RPCs of LiveKit's byte-stream wire.
        """
        return None

    async def control(self, ctx: SinkContext, command: Mapping[str, Any]) -> None:
        """Do something while the avatar is live: an emotion, a pose.

        Raises:
            UnsupportedCommandError: The provider has no such command.
        """
        raise UnsupportedCommandError(
            f"there is no command {command.get('name')!r}.",
            provider=self.name,
            hint=f"It knows {', '.join(sorted(self.capabilities.commands)) or 'none'}.",
        )

    async def probe(self) -> None:
        """Check the credentials without buying; by default there is no way to.

        Raises:
            ProvisionError: They do not work.
        """
        return

    async def aclose(self) -> None:
        """Let go of connections that the provider pooled."""
        return
