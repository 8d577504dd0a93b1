"""The binding of a chain's plugins to the agent session and the room of an avatar session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from livekit import rtc
from livekit.agents import AgentSession

from avatar_core.agents.bridge.provider import PluginProvider
from avatar_core.agents.bridge.surroundings import Surroundings
from avatar_core.provisioning.context import SessionContext
from avatar_core.registry.selection import Candidate
from avatar_core.settings import LiveKitSettings


def bind_plugins(
    chain: Sequence[Candidate],
    session: AgentSession[Any],
    room: object,
    context: SessionContext,
    livekit: LiveKitSettings | None,
) -> list[Candidate]:
    """Return a chain whose plugins are bound to one agent session and its room.

    Args:
        chain: The chain.
        session: The agent session.
        room: The room of the agent.
        context: The session context of the room.
        livekit: The LiveKit server and its API key; None if they are unknown.

    Returns:
        The chain. Providers other than plugins stay the same objects.
    """
    around = Surroundings(
        session=session,
        link=context.link,
        room=room if isinstance(room, rtc.Room) else None,
        livekit=livekit,
        name=context.avatar_name,
        remove=context.releaser.remove,
        tasks=context.releaser.tasks,
    )
    return [
        replace(candidate, provider=candidate.provider.bind(around))
        if isinstance(candidate.provider, PluginProvider)
        else candidate
        for candidate in chain
    ]
