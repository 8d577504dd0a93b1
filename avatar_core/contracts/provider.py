"""The base class of providers. A provider creates avatar sessions, and may define a transport."""

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
"""The current version of the provider API. A provider class states its version as a literal such as
`(1, 0)`, because this constant increases with avatar-core."""


@dataclass(frozen=True, kw_only=True)
class SinkContext:
    """The objects that a sink and a tracker need. Provisional.

    avatar-core creates one context for each lease, that is for each provisioned avatar.

    Attributes:
        link: The agent's connection to the room.
        avatar: The record of the provisioned session.
        capabilities: The provider's capabilities.
        clock: A function that returns monotonic seconds.
        log: A logger whose records contain the name of the provider.
    """

    link: RoomLink
    avatar: ProvisionedAvatar
    capabilities: Capabilities
    clock: Clock
    log: logging.LoggerAdapter[logging.Logger]


class AvatarProvider(ABC, Generic[S]):
    """Base class of providers. A provider brings the avatars of one vendor into rooms.

    Write `class Acme(AvatarProvider[AcmeSettings])` with a `name`, an `api_version`, `provision`
    and `release`, and add an entry point in the group `avatar_core.providers`. avatar-core sets
    the order of providers, the deadlines and the retries. A provider object stores no data about a
    session; the `ProvisionedAvatar` contains the data. An abstract base class for several providers
    must list `ABC` among its bases.

    Args:
        settings: The settings of the provider, an instance of `settings_cls`.

    Attributes:
        name: Name of the provider in a chain. The entry point must have the same name.
        api_version: The version of the provider API that the class was written for, as a literal.
        settings_cls: The class of `settings`; by default the type argument.
        settings: The settings of the provider.
        capabilities: Capabilities of the vendor; `setup` may narrow them from the settings.
        endpoint: URL of the vendor, whose servers must be able to connect to the room; empty if the
            avatar worker runs on the agent's machine.
        account: Id of the account whose sessions the provider can end. The id contains no secret.
            An empty string means that the vendor has no accounts.

    Raises:
        TypeError: When Python creates the class, if an attribute is missing or misspelt, or if
            `settings_cls` contradicts the type argument. The message contains the line to write.
        ConfigError: `setup` found an error in the settings.
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
    """An example line of code for each attribute that a provider class must set."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        check_provider_class(cls, AvatarProvider, cls._required)

    def __init__(self, settings: S) -> None:
        self.settings = settings
        self.setup()

    def setup(self) -> None:
        """Check the settings, and narrow `capabilities` from them.

        The constructor calls this method. Override `setup` instead of `__init__`, and do no I/O in
        it.

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
            ProvisionError: The session could not be created. `outcome` of the error says whether a
                session may exist in spite of the error.
        """

    @abstractmethod
    async def release(self, avatar: ProvisionedAvatar, reason: str) -> None:
        """End a session at the vendor. Do not raise if the session has ended already.

        Args:
            avatar: The record of the session. Another process may call this method, so the
                record must contain all that the method needs.
            reason: The reason why the session ends, for logs.

        Raises:
            ProvisionError: The vendor did not confirm the end of the session. avatar-core then
                calls this method again.
        """

    async def lookup(self, key: str) -> ProvisionedAvatar | None:
        """Find the session that an earlier call of `provision` may have created.

        avatar-core calls this method only if `Capabilities.safe_retry` is `LOOKUP`. The default
        implementation returns None.

        Args:
            key: The attribute `key` of the earlier `ProvisionRequest`.

        Returns:
            The record of the session; None if the vendor has no such session. The `identity` of the
            record may be empty if the vendor does not return the identity.

        Raises:
            ProvisionError: The call to the vendor failed.
        """
        return None

    async def watch(self, avatar: ProvisionedAvatar) -> str:
        """Wait until the vendor reports that a session has ended.

        The default implementation waits forever.

        Args:
            avatar: The record of the session.

        Returns:
            The reason why the session ended, for logs.

        Raises:
            ProvisionError: The call to the vendor failed.
        """
        ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        return await ended

    def create_sink(self, ctx: SinkContext) -> AudioSink | None:
        """Create the sink that sends takes to the avatar's worker. Provisional.

        Args:
            ctx: The room link, the record of the session, and other parts of the lease.

        Returns:
            A sink. None means the default sink: a LiveKit byte stream, which most vendors use.
        """
        return None

    def create_tracker(self, ctx: SinkContext) -> PlaybackTracker | None:
        """Create the tracker that reports how much of a take was heard. Provisional.

        Args:
            ctx: The room link, the record of the session, and other parts of the lease.

        Returns:
            A tracker. None means the default tracker, which reads the position reports of
            avatar-core's worker and the playback RPCs of LiveKit.
        """
        return None

    async def control(self, ctx: SinkContext, command: Mapping[str, Any]) -> None:
        """Send a command, such as an emotion, to a live avatar. Provisional.

        Args:
            ctx: The room link, the record of the session, and other parts of the lease.
            command: The name of the command under the key `name`, and the arguments of the command
                under their own names.

        Raises:
            UnsupportedCommandError: The provider does not support the command. The default
                implementation supports no command.
            RoomError: The command could not be sent.
            ProvisionError: A call to the vendor's API failed.
        """
        known = ", ".join(sorted(self.capabilities.commands)) or "none"
        raise UnsupportedCommandError(
            f"the provider does not know the command {command.get('name')!r}.",
            provider=self.name,
            hint=f"Use one of the provider's commands: {known}.",
        )

    async def probe(self) -> None:
        """Check the API key and the settings at the vendor, without a paid session.

        `avatar doctor` calls this method. The default implementation checks nothing.

        Raises:
            ProvisionError: The vendor does not accept the API key or a setting, or the call failed.
        """
        return

    async def aclose(self) -> None:
        """Close the connections that the provider keeps open.

        The default implementation closes nothing.
        """
        return
