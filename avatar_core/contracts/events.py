"""The records of the events that an avatar session emits to its application."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from avatar_core.contracts.errors import AvatarError


class AvatarState(Enum):
    """State of an avatar session.

    Attributes:
        NEW: The session has not started.
        STARTING: A provider creates the first avatar, or that avatar joins the room. The agent's
            first words may wait for the avatar.
        LIVE: The avatar speaks.
        VOICE: The agent speaks with its own voice, without an avatar.
        CLOSING: avatar-core releases the session.
        CLOSED: The session has ended.
    """

    NEW = "new"
    STARTING = "starting"
    LIVE = "live"
    VOICE = "voice"
    CLOSING = "closing"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """The state of the avatar session changed.

    Attributes:
        state: The new state.
        provider: Name of the provider that is in use; `voice` means the agent's own voice.
    """

    state: AvatarState
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AvatarJoined:
    """An avatar became ready: it can be heard and seen.

    Attributes:
        provider: Name of the provider.
        identity: Identity of the avatar's participant.
        join_s: Seconds from the start of provisioning until the avatar was ready. The time
            includes the attempts with earlier providers of the chain that failed.
    """

    provider: str
    identity: str
    join_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AvatarFailed:
    """An avatar did not start, or was lost. avatar-core then tries the next provider of the chain.

    Attributes:
        provider: Name of the provider that failed.
        error: The reason.
    """

    provider: str
    error: AvatarError


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeFinished:
    """A take reached its final state. A take is one attempt to play a segment of speech.

    Attributes:
        provider: Name of the provider that played the take; `voice` means the agent's own voice.
        segment_id: Number of the segment that the take played.
        take_id: Id of the take, 12 hexadecimal digits.
        state: The final state: "done", "cut" or "lost".
        heard_s: Seconds of the take that were heard.
        pushed_s: Seconds of the take that were sent.
    """

    provider: str
    segment_id: int
    take_id: str
    state: str
    heard_s: float
    pushed_s: float


AvatarEvent = StateChanged | AvatarJoined | AvatarFailed | TakeFinished
"""The type of any event record of an avatar session."""
