"""What a vendor package implements: provisioning, and the transport to its worker."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from avatar_core.contracts.capabilities import Capabilities
from avatar_core.contracts.clock import Clock
from avatar_core.contracts.errors import UnsupportedCommandError
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.playback import PlaybackTracker
from avatar_core.contracts.provisioning import ProvisionedAvatar, ProvisionRequest, TokenSpec
from avatar_core.contracts.sink import AudioSink
from avatar_core.router import SenderRouter

S = TypeVar("S")
"""A provider's settings, a subclass of `avatar_core.ProviderSettings`."""

PROVIDER_API_VERSION = (1, 0)
"""Providers state the version they were written for as a literal, never this name."""


class TransportDefaults(Protocol):
    """The byte-stream transport, which serves every vendor that speaks LiveKit's wire."""

    def sink(self, ctx: SinkContext) -> AudioSink:
        """Audio over `lk.audio_stream`, addressed to the avatar alone."""

    def tracker(self, ctx: SinkContext) -> PlaybackTracker:
        """Our worker's reports, else the stock RPCs, else the clock."""


@dataclass(frozen=True, kw_only=True)
class SinkContext:
    """What a sink and a tracker are made from; one for each lease.

    Attributes:
        link: The agent's own place in the room.
        avatar: What was provisioned.
        router: RPC and data of the room, by sender.
        capabilities: The provider's.
        clock: Monotonic seconds.
        log: Names the provider.
        join: Joins the room once more, under the avatar's own identity.
        defaults: The byte-stream transport.
    """

    link: RoomLink
    avatar: ProvisionedAvatar
    router: SenderRouter
    capabilities: Capabilities
    clock: Clock
    log: logging.LoggerAdapter[logging.Logger]
    join: Callable[[TokenSpec], Awaitable[RoomLink]] = field(repr=False)
    defaults: TransportDefaults = field(repr=False)


class AvatarProvider(ABC, Generic[S]):
    """One vendor. Stateless: all about a session is in its `ProvisionedAvatar`.

    Subclass it, name the settings class, write `provision` and `release`, and add an entry
    point in the group `avatar_core.providers`. The engine owns order, deadlines and retries.
    """

    name: ClassVar[str]
    api_version: ClassVar[tuple[int, int]]
    settings_cls: ClassVar[type[Any]]
    capabilities: Capabilities = Capabilities()
    endpoint: str = ""
    """The address of who must reach the room; empty where its worker runs beside the agent."""
    account: str = ""
    """Whose sessions it can end: differs between customers, and is no secret; empty where none."""

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

    def create_sink(self, ctx: SinkContext) -> AudioSink:
        """The transport to the worker; the default serves every byte-stream vendor."""
        return ctx.defaults.sink(ctx)

    def create_tracker(self, ctx: SinkContext) -> PlaybackTracker:
        """What was heard on that transport; the default serves every byte-stream vendor."""
        return ctx.defaults.tracker(ctx)

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
