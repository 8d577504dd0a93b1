"""Event records that an avatar session emits to its application."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from avatar_core.contracts.errors import AvatarError


class AvatarState(Enum):
    """Where an avatar session stands."""

    NEW = "new"
    STARTING = "starting"
    LIVE = "live"
    VOICE = "voice"
    CLOSING = "closing"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StateChanged:
    """The session moved; `provider` is who speaks now."""

    state: AvatarState
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AvatarJoined:
    """An avatar became ready `join_s` seconds after it was asked for."""

    provider: str
    identity: str
    join_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AvatarFailed:
    """An avatar did not start, or was lost; the next in the chain takes over."""

    provider: str
    error: AvatarError


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeFinished:
    """A take reached its final state: `heard_s` of `pushed_s` seconds by `provider`."""

    provider: str
    segment_id: int
    take_id: str
    state: str
    heard_s: float
    pushed_s: float


AvatarEvent = StateChanged | AvatarJoined | AvatarFailed | TakeFinished
