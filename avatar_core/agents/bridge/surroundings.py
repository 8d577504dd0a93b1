"""The agent session, the room and the LiveKit server that a plugin receives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession

from avatar_core.contracts.link import RoomLink
from avatar_core.provisioning.release import RemoveParticipant
from avatar_core.settings import LiveKitSettings
from avatar_core.tasks import BackgroundTasks


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """The agent session, the room and the LiveKit server of one avatar session.

    Attributes:
        session: The agent session.
        link: The agent's connection to the room.
        room: The room of livekit.rtc; None for a room in memory.
        livekit: The LiveKit server and its API key; None if they are unknown.
        name: The display name of the avatar's participant; empty for its identity.
        remove: Removes a participant from a room.
        tasks: Runs the work that must continue after its caller was cancelled.
    """

    session: AgentSession[Any] = field(repr=False)
    link: RoomLink
    room: rtc.Room | None
    livekit: LiveKitSettings | None
    name: str
    remove: RemoveParticipant = field(repr=False)
    tasks: BackgroundTasks = field(repr=False)
