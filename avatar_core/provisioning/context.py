"""The session context: the room of an agent, and the means to provision avatars into the room."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

from avatar_core.contracts.clock import Clock, loop_time
from avatar_core.contracts.link import RoomLink
from avatar_core.contracts.participants import RoomPresence
from avatar_core.contracts.provisioning import StartWorker, TokenSpec
from avatar_core.provisioning.release import Releaser
from avatar_core.provisioning.tokens import mint_with_display
from avatar_core.settings import AvatarSettings


@dataclass(frozen=True, kw_only=True)
class ProvisioningContext:
    """The means to provision avatars into the room of an agent.

    Attributes:
        link: The view of the agent on its room.
        livekit_url: URL of the LiveKit server, for the workers of vendors, with ws or wss.
        mint: A function that returns a room token for a `TokenSpec`.
        start_worker: A function that starts a worker of avatar-core in the room.
        releaser: Ends the paid sessions of the room.
        provision_timeout_s: Seconds for all attempts to create a session at one provider.
        join_timeout_s: Seconds from the creation of a session until the avatar must be ready.
        avatar_identity: Identity of the avatar's participant; empty for a new one for each session.
        avatar_name: Display name of the avatar's participant; empty for its identity.
        avatar_attributes: Further attributes of the avatar's participant.
        clock: A function that returns monotonic seconds.
    """

    link: RoomPresence
    livekit_url: str
    mint: Callable[[TokenSpec], str] = field(repr=False)
    start_worker: StartWorker = field(repr=False)
    releaser: Releaser = field(repr=False)
    provision_timeout_s: float
    join_timeout_s: float
    avatar_identity: str = ""
    avatar_name: str = ""
    avatar_attributes: Mapping[str, str] = field(default_factory=dict)
    clock: Clock = loop_time

    def join_limit_s(self, expected_join_s: float) -> float:
        """Return the most seconds from the end of provisioning until an avatar must have joined.

        Args:
            expected_join_s: Typical seconds to join, as in `Capabilities`.

        Returns:
            The longest time from the end of provisioning to the join, in seconds.
        """
        return max(self.join_timeout_s, 2 * expected_join_s)

    def mint_for(self, identity: str) -> Callable[[TokenSpec], str]:
        """Return `mint` with the display name and the attributes of the avatar's participant.

        Args:
            identity: The identity of the avatar's participant.

        Returns:
            A function that creates a room token.
        """
        return mint_with_display(self.mint, identity, self.avatar_name, self.avatar_attributes)


@dataclass(frozen=True, kw_only=True)
class SessionContext(ProvisioningContext):
    """The room of an agent, and the means to provision avatars into the room and to use them.

    `session_context` of `avatar_core.agents.rooms` creates the context for each avatar session.

    Attributes:
        link: The agent's connection to the room.
        retries: How often a provider whose avatar was lost is provisioned again in 10 minutes.
        listener_timeout_s: Seconds for which speech waits until a listener can hear it; None means
            no limit.
        monitor: Whether the agent listens to the audio track of an avatar whose worker does not
            report what was heard.
        first_sound_s: Seconds that an avatar which the agent has never heard may be late.
    """

    link: RoomLink
    retries: int = 2
    listener_timeout_s: float | None = None
    monitor: bool = True
    first_sound_s: float = 5.0


@runtime_checkable
class RoomLike(Protocol):
    """The interface of a room that creates its own session context, such as a room in memory."""

    def session_context(self, settings: AvatarSettings) -> SessionContext:
        """Create the session context of this room.

        Args:
            settings: The settings of avatar-core, which contain the deadlines.

        Returns:
            The context.
        """
