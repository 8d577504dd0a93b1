"""The interface of a provider: provisioning, and optionally a transport of its own."""

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
"""Current version of the provider API. A provider declares the version that it was written for as
a literal, never as this name."""


@dataclass(frozen=True, kw_only=True)
class SinkContext:
    """The context of a sink and a tracker, one for each lease. Provisional.

    Attributes:
        link: The agent's connection to the room.
        avatar: The record of the provisioned session.
        capabilities: The provider's capabilities.
        clock: Returns monotonic seconds.
        log: A logger that adds the name of the provider.
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
        """Check `self.settings`, and narrow `capabilities` from them; without I/O.

        Override this method and not `__init__`.

        Raises:
            ConfigError: The settings cannot work.
        """
        return

    @abstractmethod
    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Create a session at the vendor, so that its avatar joins the room.

        Send one request and do not retry: avatar-core retries where that is safe.

        Args:
            request: The room, the identity and the token of the avatar. Call `request.claim` as
                soon as a session exists.

        Returns:
            The session.

        Raises:
            ProvisionError: There is no session, or nobody knows; `outcome` says which.
        """

    @abstractmethod
    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End a session; idempotent.

        Args:
            avatar: The record of the session. Another process may call this method, so the
                record must hold all that the method needs.
            reason: Why, for logs.

        Raises:
            ProvisionError: The vendor did not confirm the end. avatar-core tries again.
        """

    async def lookup(self, key: str) -> ProvisionedAvatar | None:
        """Find the session that an earlier `provision` with this key may have created.

        Args:
            key: The `key` of its request.

        Returns:
            The session, whose `identity` may be empty; None if there is none.

        Raises:
            ProvisionError: The vendor did not answer.
        """
        return None

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        """Wait until the vendor reports that the session has ended; by default without an end.

        Returns:
            The reason, for logs.
        """
        gone: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        return await gone

    def create_sink(self, ctx: SinkContext) -> AudioSink | None:
        """Return the sink that carries takes to the worker. Provisional.

        Args:
            ctx: The room link, the session, and other parts for the sink.

        Returns:
            A sink, or None for LiveKit's byte stream, which most vendors use.
        """
        return None

    def create_tracker(self, ctx: SinkContext) -> PlaybackTracker | None:
        """Return the tracker that learns what was heard. Provisional.

        Args:
            ctx: The room link, the session, and other parts for the tracker.

        Returns:
            A tracker, or None for the reports and RPCs of LiveKit's byte-stream wire.
        """
        return None

    async def control(self, ctx: SinkContext, command: Mapping[str, Any]) -> None:
        """Send a command to a live avatar, such as an emotion. Provisional.

        Args:
            ctx: The room link, the session, and other parts of the live avatar.
            command: The name of the command under `name`, and its arguments.

        Raises:
            UnsupportedCommandError: The provider has no such command.
        """
        known = ", ".join(sorted(self.capabilities.commands)) or "none"
        raise UnsupportedCommandError(
            f"there is no command {command.get('name')!r}.",
            provider=self.name,
            hint=f"Its commands: {known}.",
        )

    async def probe(self) -> None:
        """Check the key and the choices without a paid session; by default nothing.

        `avatar doctor` calls this method.

        Raises:
            ProvisionError: They do not work.
        """
        return

    async def aclose(self) -> None:
        """Close the connections that the provider keeps open."""
        return
