"""Event records that an avatar session emits to its application."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from avatar_core.contracts.errors import AvatarError


class AvatarState(Enum):
    """State of an avatar session.

    Attributes:
        NEW: Not started.
        STARTING: The first avatar is being provisioned or joins; the agent may wait to speak.
        LIVE: The avatar speaks.
        VOICE: The agent speaks with its own voice, without an avatar.
        CLOSING: The session is being released.
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
    """The session changed its state.

    Attributes:
        state: The new state.
        provider: Name of the provider in use; `voice` for the agent's own voice.
    """

    state: AvatarState
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AvatarJoined:
    """An avatar became ready.

    Attributes:
        provider: Name of the provider.
        identity: Identity of the avatar's participant.
        join_s: Seconds from the start of provisioning to readiness, with the providers of the
            chain that failed meanwhile.
    """

    provider: str
    identity: str
    join_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AvatarFailed:
    """An avatar did not start, or was lost; the next provider of the chain follows.

    Attributes:
        provider: Name of the provider.
        error: Why.
    """

    provider: str
    error: AvatarError


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeFinished:
    """A take reached its final state.

    Attributes:
        provider: Name of the provider that played it; `voice` for the agent's own voice.
        segment_id: The segment that the take belongs to.
        take_id: Id of the take, 12 hex digits.
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
"""Any event record of an avatar session."""
