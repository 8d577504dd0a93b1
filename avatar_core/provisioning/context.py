"""The context of one session: its room, and what is needed to provision avatars into it."""

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
    """One room, and what is needed to provision avatars into it.

    Attributes:
        link: The agent's connection to the room.
        livekit_url: The server URL at which vendors' workers join.
        mint: Returns a room token for a specification.
        start_worker: Starts one of our own workers in the room.
        releaser: Ends the sessions that were provisioned for the room.
        provision_timeout_s: Seconds for all attempts of one provisioning.
        join_timeout_s: Seconds from the end of provisioning until audio would be heard.
        clock: Returns monotonic seconds.
    """

    link: RoomLink
    livekit_url: str
    mint: Callable[[TokenSpec], str] = field(repr=False)
    start_worker: StartWorker = field(repr=False)
    releaser: Releaser = field(repr=False)
    provision_timeout_s: float
    join_timeout_s: float
    clock: Clock = loop_time

    def join_limit_s(self, expected_join_s: float) -> float:
        """Return the most seconds from the end of provisioning until an avatar must have joined.

        Args:
            expected_join_s: Typical seconds to join, as in `Capabilities`.
        """
        return max(self.join_timeout_s, 2 * expected_join_s)


@runtime_checkable
class RoomLike(Protocol):
    """A room that provides the context of a session itself, like a room in memory."""

    def session_context(self, settings: AvatarSettings) -> SessionContext:
        """Return what is needed to provision avatars into this room.

        Args:
            settings: The settings of the application.
        """
