"""The room that avatars are brought into, and how."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from avatar_core.contracts.clock import Clock, loop_time
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.provisioning import StartWorker, TokenSpec
from avatar_core.provisioning.release import Releaser
from avatar_core.settings import AvatarSettings


@dataclass(frozen=True, kw_only=True)
class SessionContext:
    """One room, and what is needed to buy for it.

    Attributes:
        link: The agent's own place in it.
        livekit_url: Where vendors' workers join.
        mint: Makes room tokens.
        start_worker: Starts a worker of our own in it.
        releaser: Ends what was bought for it.
        provision_timeout_s: For a purchase, with all its attempts.
        join_timeout_s: From then until audio would be heard.
        clock: Monotonic seconds.
    """

    link: RoomLink
    livekit_url: str
    mint: Callable[[TokenSpec], str] = field(repr=False)
    start_worker: StartWorker = field(repr=False)
    releaser: Releaser = field(repr=False)
    provision_timeout_s: float
    join_timeout_s: float
    clock: Clock = loop_time


@runtime_checkable
class RoomLike(Protocol):
    """A room that makes its own session context, as one in memory does."""

    def session_context(self, settings: AvatarSettings) -> SessionContext:
        """Return the context for avatars in this room."""
