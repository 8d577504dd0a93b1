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
    """Base class of providers, which bring the avatars of one vendor into rooms.

    Write `class Acme(AvatarProvider[AcmeSettings])` with a `name`, an `api_version`, `provision`
    and `release`, and add an entry point in the group `avatar_core.providers`. avatar-core decides
    about order, deadlines and retries. A provider keeps no state about a session: all of it is in
    the `ProvisionedAvatar`. A base class of several providers lists `ABC` among its bases.

    Args:
        settings: The settings of the provider, an instance of `settings_cls`.

    Attributes:
        name: Name of the provider in a chain; equal to the name of its entry point.
        api_version: The version of the provider API that the class was written for, as a literal.
        settings_cls: The class of `settings`; by default the type argument.
        settings: The settings of the provider.
        capabilities: Capabilities of the vendor; `setup` may narrow them from the settings.
        endpoint: URL of the vendor, whose servers must be able to connect to the room; empty
            where the worker runs beside the agent.
        account: Id of the account whose sessions the provider can end, without a secret; empty
            where the vendor has no accounts.

    Raises:
        TypeError: At class creation, if an attribute is missing or misspelt, or if
            `settings_cls` contradicts the type argument. The message contains the line to write.
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
    """The line to write for each attribute that a provider must set."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_provider_class(cls, AvatarProvider, cls._required)

    def __init__(self, settings: S) -> None:
        self.settings = settings
        self.setup()

    def setup(self) -> None:
        """Check the settings, and narrow `capabilities` from them; must not do any I/O.

        The constructor calls this method; override it instead of `__init__`.

        Raises:
            ConfigError: The settings are invalid.
        """
        return

    @abstractmethod
    async def provision(self, request: ProvisionRequest) -> ProvisionedAvatar:
        """Create a session at the vendor, so that its avatar joins the room.

        Send one request and do not retry: avatar-core retries where that is safe.

        Args:
            request: The room to join, the identity to join as, and functions for the room token
                and for the ledger. Call `request.claim` as soon as a session exists.

        Returns:
            The record of the session.

        Raises:
            ProvisionError: The session could not be created; `outcome` says whether it may exist
                all the same.
        """

    @abstractmethod
    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End a session at the vendor; idempotent.

        Args:
            avatar: The record of the session. Another process may call this method, so the
                record must contain all that the method needs.
            reason: Why the session ends, for logs.

        Raises:
            ProvisionError: The vendor did not confirm the end; avatar-core tries again.
        """

    async def lookup(self, key: str) -> ProvisionedAvatar | None:
        """Find the session that an earlier `provision` with this key may have created.

        Args:
            key: The `key` of the earlier request.

        Returns:
            The record of the session, with an empty `identity` if the vendor does not name it;
            None if no session was created.

        Raises:
            ProvisionError: The call to the vendor failed.
        """
        return None

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        """Wait until the vendor reports that a session has ended; the default waits forever.

        Args:
            avatar: The record of the session.

        Returns:
            The reason, for logs.

        Raises:
            ProvisionError: The call to the vendor failed.
        """
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        return await ended

    def create_sink(self, ctx: SinkContext) -> AudioSink | None:
        """Return the sink that carries takes to the worker. Provisional.

        Args:
            ctx: The room link, the record of the session, and other parts of the lease.

        Returns:
            A sink, or None for LiveKit's byte stream, which most vendors use.
        """
        return None

    def create_tracker(self, ctx: SinkContext) -> PlaybackTracker | None:
        """Return the tracker that reports how much was heard. Provisional.

        Args:
            ctx: The room link, the record of the session, and other parts of the lease.

        Returns:
            A tracker, or None for position reports and LiveKit's playback RPCs.
        """
        return None

    async def control(self, ctx: SinkContext, command: Mapping[str, Any]) -> None:
        """Send a command to a live avatar, such as an emotion. Provisional.

        Args:
            ctx: The room link, the record of the session, and other parts of the lease.
            command: The name of the command under the key `name`, and its arguments.

        Raises:
            UnsupportedCommandError: The provider does not know the command.
        """
        known = ", ".join(sorted(self.capabilities.commands)) or "none"
        raise UnsupportedCommandError(
            f"the provider does not know the command {command.get('name')!r}.",
            provider=self.name,
            hint=f"Use one of the provider's commands: {known}.",
        )

    async def probe(self) -> None:
        """Check the key and the settings at the vendor, without a paid session.

        `avatar doctor` calls this method; the default checks nothing.

        Raises:
            ProvisionError: The vendor does not accept the key or a setting, or the call failed.
        """
        return

    async def aclose(self) -> None:
        """Close the connections that the provider keeps open; the default has none."""
        return
